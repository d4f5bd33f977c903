#pragma once

#include <cstddef>
#include <cstdint>
#include <paragon/platform/platform.hpp>

namespace paragon_bench {

using namespace paragon;

/// The limit that a decode kernel is held against: reads `bytes` bytes (whole multiples of `step`), 16 at a time with
/// eight loads of a lane in flight, and writes next to nothing.
struct read_kernel {
  using target = platform::target::any;
  static constexpr int max_waves = 256 / target::wave_size;
  static constexpr int in_flight = 8;

  struct arguments {
    const std::byte* data;
    std::int64_t bytes;
    std::uint32_t* out;
  };

  /// Bytes that one workgroup of `max_waves` waves reads in one round.
  static constexpr std::int64_t step = std::int64_t{16} * in_flight * max_waves * target::wave_size;

  static PARAGON_DEVICE void run(const arguments& a, std::byte*) {
    using wave = platform::wave_ops<target::wave_size>;
    const std::int64_t lane = wave::index() * target::wave_size + wave::lane();
    std::uint32_t sum = 0;
    for (std::int64_t base = platform::workgroup() * step; base < a.bytes; base += platform::workgroups() * step) {
      platform::words<16> loaded[in_flight];
      PARAGON_UNROLL
      for (int i = 0; i < in_flight; ++i)
        loaded[i] = platform::load_streaming<16>(a.data + base + (i * max_waves * target::wave_size + lane) * 16);
      PARAGON_UNROLL
      for (int i = 0; i < in_flight; ++i) sum ^= loaded[i].w[0] ^ loaded[i].w[1] ^ loaded[i].w[2] ^ loaded[i].w[3];
    }
    if (sum == 0x9e3779b9u) *a.out = sum;  // so that the loads are needed
  }
};

}  // namespace paragon_bench
