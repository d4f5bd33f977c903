#pragma once

#include <cstdint>

namespace paragon::platform {

/// What one lane moves with one load or store, or a run of packed elements: `Bytes` bytes in 32-bit words, element 0 in
/// the low bits of `w[0]`. Aligned so that the compiler moves it with one instruction up to 16 bytes.
template <int Bytes> struct alignas(Bytes < 16 ? Bytes : 16) words {
  static_assert(Bytes >= 4 && (Bytes & (Bytes - 1)) == 0, "words hold 4, 8, 16, ... bytes");
  std::uint32_t w[Bytes / 4];
};

}  // namespace paragon::platform
