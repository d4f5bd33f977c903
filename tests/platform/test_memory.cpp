// Memory as kernels see it (vector loads and stores, atomics), and the operations on it that the host starts.

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "paragon/platform/platform.hpp"
#include "support/device_buffer.hpp"
#include "support/run_kernel.hpp"
#include "support/targets.hpp"

namespace memory_test {

namespace platform = paragon::platform;
namespace target = paragon::target;
using paragon_test::device_buffer;
using paragon_test::run_kernel;

/// Index of the calling thread in the launch, for kernels without wave operations.
PARAGON_DEVICE int thread() {
  using wave = platform::wave_ops<target::any::wave_size>;
  return (platform::workgroup() * wave::count() + wave::index()) * target::any::wave_size + wave::lane();
}

template <int Bytes> struct copy_kernel {
  struct arguments {
    const std::byte* from;
    std::byte* to;
    int count;
  };
  using target = memory_test::target::any;
  static constexpr int max_waves = 4;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte*) {
    const std::int64_t offset = std::int64_t{thread()} * Bytes;
    if (thread() >= arguments.count) return;
    platform::store<Bytes>(arguments.to + offset, platform::load_streaming<Bytes>(arguments.from + offset));
  }
};

TEST_CASE_TEMPLATE("words move whole and to their place", Bytes, std::integral_constant<int, 4>,
                   std::integral_constant<int, 8>, std::integral_constant<int, 16>) {
  static_assert(sizeof(platform::words<Bytes::value>) == Bytes::value);
  static_assert(alignof(platform::words<Bytes::value>) == Bytes::value);
  constexpr int count = 777, workgroups = count / (4 * target::any::wave_size) + 1;
  std::vector<std::uint8_t> values(count * Bytes::value);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint8_t>(i * 37 + i / 256);
  const device_buffer<std::uint8_t> from(values);
  device_buffer<std::uint8_t> to(values.size());
  run_kernel<copy_kernel<Bytes::value>>(
      workgroups, 4, 0,
      {reinterpret_cast<const std::byte*>(from.data()), reinterpret_cast<std::byte*>(to.data()), count});
  CHECK(to.download() == values);
}

/// Round by round, every lane copies 16 bytes to shared memory and then stores what its neighbour copied.
template <class Target> struct async_copy_kernel {
  struct arguments {
    const std::byte* from;
    std::byte* to;
  };
  using target = Target;
  static constexpr int max_waves = 1;
  static constexpr int rounds = 3;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte* shared) {
    using wave = platform::wave_ops<target::wave_size>;
    using copies = platform::async_copies<target>;
    for (int round = 0; round < rounds; ++round) {
      std::byte* stage = shared + round % 2 * wave::size * 16;
      const std::int64_t offset = std::int64_t{round} * wave::size * 16;
      copies::copy(stage + wave::lane() * 16, arguments.from + offset + wave::lane() * 16);
      copies::wait();
      wave::converge();
      const auto next = *reinterpret_cast<const platform::words<16>*>(stage + (wave::lane() + 1) % wave::size * 16);
      platform::store<16>(arguments.to + offset + wave::lane() * 16, next);
    }
  }
};

TEST_CASE_TEMPLATE("asynchronous copies have arrived when they were waited for", Target, PARAGON_ALL_TARGETS) {
  if constexpr (platform::async_copies<Target>::available) {
    if (!paragon_test::runs_here<Target>()) return;
    using kernel = async_copy_kernel<Target>;
    constexpr std::size_t wave_bytes = std::size_t{Target::wave_size} * 16;
    std::vector<std::byte> from(kernel::rounds * wave_bytes);
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>((i * 2654435761u) >> 13);
    const device_buffer<std::byte> source(from);
    device_buffer<std::byte> target(std::vector<std::byte>(from.size(), std::byte{0xff}));
    run_kernel<kernel>(1, 1, 2 * wave_bytes, {source.data(), target.data()});
    const std::vector<std::byte> got = target.download();
    for (std::size_t i = 0; i < got.size(); ++i) {
      const std::size_t round = i / wave_bytes * wave_bytes;
      REQUIRE(got[i] == from[round + (i - round + 16) % wave_bytes]);
    }
  }
}

struct maximum_kernel {
  struct arguments {
    const float* values;
    float* maximum;
    int count;
  };
  using target = memory_test::target::any;
  static constexpr int max_waves = 4;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte*) {
    if (thread() < arguments.count) platform::atomic_max(arguments.maximum, arguments.values[thread()]);
  }
};

float device_maximum(const std::vector<float>& values, float start) {
  const device_buffer<float> device_values(values);
  device_buffer<float> maximum(std::vector<float>{start});
  const int workgroups = static_cast<int>(values.size()) / target::any::wave_size + 1;
  run_kernel<maximum_kernel>(workgroups, 1, 0, {device_values.data(), maximum.data(), static_cast<int>(values.size())});
  return maximum.download()[0];
}

TEST_CASE("atomic_max finds the greatest of all lanes of all workgroups") {
  std::vector<float> values(3000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((i * 7919) % 3001) * 0.01f;
  const float greatest = 30.0f;
  values[1234] = greatest;
  CHECK(device_maximum(values, 0.0f) == greatest);
  CHECK(device_maximum(values, 31.0f) == 31.0f);
  CHECK(device_maximum({0x1p-149f, 0.0f}, 0.0f) == 0x1p-149f);
  values[5] = std::numeric_limits<float>::infinity();
  CHECK(device_maximum(values, 0.0f) == values[5]);
  values[77] = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(device_maximum(values, 0.0f)));
}

TEST_CASE("fill_bytes and read_back touch what they were given and nothing else") {
  device_buffer<std::uint8_t> buffer(std::vector<std::uint8_t>(100, 7));
  CHECK(platform::fill_bytes(buffer.data() + 10, 0, 50, nullptr).ok());
  CHECK(platform::fill_bytes(buffer.data() + 99, 0, 0, nullptr).ok());
  std::vector<std::uint8_t> got(102, 1);
  CHECK(platform::read_back(got.data() + 1, buffer.data(), 100, nullptr).ok());
  CHECK(platform::read_back(got.data(), buffer.data(), 0, nullptr).ok());
  std::vector<std::uint8_t> expected(102, 7);
  expected.front() = expected.back() = 1;
  std::memset(expected.data() + 11, 0, 50);
  CHECK(got == expected);
}

TEST_CASE("launch refuses workgroups that the kernel is not made for") {
  const maximum_kernel::arguments nothing{nullptr, nullptr, 0};
  const auto code = [&](int workgroups, int waves, std::size_t shared_bytes) {
    return platform::launch<maximum_kernel>(workgroups, waves, shared_bytes, nullptr, nothing).code();
  };
  using paragon::status_code;
  CHECK(code(-1, 1, 0) == status_code::grid_limit);
  CHECK(code(1, 0, 0) == status_code::grid_limit);
  CHECK(code(1, maximum_kernel::max_waves + 1, 0) == status_code::grid_limit);
  CHECK(code(1, 1, std::size_t{target::any::lds_bytes} + 1) == status_code::grid_limit);
  CHECK(code(1, 1, target::any::lds_bytes) == status_code::ok);
  CHECK(code(1, maximum_kernel::max_waves, 0) == status_code::ok);
  CHECK(code(0, 1, 0) == status_code::ok);
}

TEST_CASE("occupancy is at least one workgroup per compute unit") {
  int workgroups = 0;
  const auto asked = platform::occupancy<maximum_kernel>(maximum_kernel::max_waves, 1024, workgroups);
  REQUIRE_MESSAGE(asked.ok(), asked.message());
  CHECK(workgroups >= 1);
  CHECK(platform::occupancy<maximum_kernel>(maximum_kernel::max_waves + 1, 0, workgroups).code() ==
        paragon::status_code::grid_limit);
}

}  // namespace memory_test
