// Sums over the lanes of a workgroup.

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

#include "paragon/platform/platform.hpp"
#include "support/device_buffer.hpp"
#include "support/devices.hpp"
#include "support/run_kernel.hpp"

namespace scan_test {

namespace platform = paragon::platform;
using paragon_test::device_buffer;

/// Sums `rounds` rows of a value per lane, one after the other in the same shared memory.
template <int Lanes> struct scan_kernel {
  using target = paragon::target::any;
  static constexpr int max_waves = Lanes / target::wave_size;

  struct arguments {
    const std::int64_t* values;  ///< [workgroups, rounds, Lanes]
    std::int64_t* sums;
    std::int64_t* totals;
    int rounds;
  };

  static PARAGON_DEVICE void run(const arguments& a, std::byte* shared) {
    using wave = platform::wave_ops<target::wave_size>;
    for (int round = 0; round < a.rounds; ++round) {
      const int at =
          (platform::workgroup() * a.rounds + round) * Lanes + wave::index() * target::wave_size + wave::lane();
      a.sums[at] = platform::workgroup_scan<Lanes>::inclusive_sum(a.values[at], a.totals[at], shared);
      platform::barrier();
    }
  }
};

TEST_CASE_TEMPLATE("every lane gets the sum up to its own value, and that of all", Lanes,
                   std::integral_constant<int, 64>, std::integral_constant<int, 256>,
                   std::integral_constant<int, 512>) {
  using kernel = scan_kernel<Lanes::value>;
  constexpr int workgroups = 3, rounds = 4;
  constexpr std::size_t count = workgroups * rounds * Lanes::value;
  const std::uint32_t seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  // Of both signs, and of any number of bits that the sums have room for.
  std::vector<std::int64_t> values(count), sums(count), totals(count);
  for (std::int64_t& value : values) value = static_cast<std::int64_t>(random()) >> (10 + random() % 54);
  for (std::size_t row = 0; row < count; row += Lanes::value) {
    std::int64_t sum = 0;
    for (std::size_t i = row; i < row + Lanes::value; ++i) sums[i] = sum += values[i];
    for (std::size_t i = row; i < row + Lanes::value; ++i) totals[i] = sum;
  }

  const device_buffer<std::int64_t> device_values(values);
  device_buffer<std::int64_t> device_sums(count), device_totals(count);
  paragon_test::run_kernel<kernel>(workgroups, kernel::max_waves, platform::workgroup_scan<Lanes::value>::shared_bytes,
                                   {device_values.data(), device_sums.data(), device_totals.data(), rounds});
  CHECK(device_sums.download() == sums);
  CHECK(device_totals.download() == totals);
}

}  // namespace scan_test
