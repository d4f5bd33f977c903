#pragma once

#include <hip/hip_runtime.h>

#include <cstdint>

#include "paragon/platform/amd/memory.hpp"
#include "paragon/platform/macros.hpp"

namespace paragon::platform {

namespace amd {

// Patterns of data parallel primitives (DPP), from the instruction set manuals: a lane reads from another lane of its
// row of 16, or of its quad, as part of an ordinary vector instruction.
inline constexpr int dpp_row_rotate_by_8 = 0x128;
inline constexpr int dpp_row_mirror = 0x140;       // lane ^ 15
inline constexpr int dpp_row_half_mirror = 0x141;  // lane ^ 7
inline constexpr int dpp_row_broadcast = 0x150;    // plus the lane of the row
inline constexpr int dpp_row_xor = 0x160;          // plus the mask; from gfx10 on

/// In every quad, lane i reads lane i ^ mask.
constexpr int dpp_quad_xor(int mask) {
  int pattern = 0;
  for (int i = 0; i < 4; ++i) pattern |= (i ^ mask) << (2 * i);
  return pattern;
}

template <int Pattern, class T> PARAGON_DEVICE T dpp(T value) {
  constexpr int all_rows = 0xf, all_banks = 0xf;
  return __builtin_amdgcn_update_dpp(T{}, value, Pattern, all_rows, all_banks, true);
}

/// Exchange within rows of 16 lanes, 0 <= Mask < 16.
template <int Mask> PARAGON_DEVICE int exchange_in_row(int value) {
#if defined(__GFX9__)
  // Without an xor pattern, a mirror or a rotation sets the upper bits of the mask and a quad permutation the rest.
  if constexpr (Mask >= 12) return exchange_in_row<Mask ^ 15>(dpp<dpp_row_mirror>(value));
  if constexpr (Mask >= 8 && Mask < 12) return exchange_in_row<Mask ^ 8>(dpp<dpp_row_rotate_by_8>(value));
  if constexpr (Mask >= 4 && Mask < 8) return exchange_in_row<Mask ^ 7>(dpp<dpp_row_half_mirror>(value));
  if constexpr (Mask > 0 && Mask < 4) return dpp<dpp_quad_xor(Mask)>(value);
  if constexpr (Mask == 0) return value;
#else
  return dpp<dpp_row_xor | Mask>(value);
#endif
}

/// For permlanex16: lane i of a row reads lane i ^ mask of the row next to it, `first` for i < 8 or from 8 on.
constexpr std::uint32_t row_selector(int mask, int first) {
  std::uint32_t selector = 0;
  for (int i = 0; i < 8; ++i) selector |= static_cast<std::uint32_t>((first + i) ^ mask) << (4 * i);
  return selector;
}

/// Exchange between the rows of a half wave, 16 <= Mask < 32.
template <int Mask> PARAGON_DEVICE int exchange_rows(int value, [[maybe_unused]] int lane) {
#if defined(__gfx950__)
  if constexpr (Mask == 16) {
    const auto swapped = __builtin_amdgcn_permlane16_swap(value, value, false, false);
    return static_cast<int>((lane & 16) != 0 ? swapped[0] : swapped[1]);
  }
#endif
#if defined(__GFX9__)
  constexpr int bit_mode_and_mask = 0x1f, xor_shift = 10;
  return __builtin_amdgcn_ds_swizzle(value, Mask << xor_shift | bit_mode_and_mask);
#else
  return __builtin_amdgcn_permlanex16(value, value, row_selector(Mask & 15, 0), row_selector(Mask & 15, 8), true, true);
#endif
}

/// Exchange between the halves of a wave of 64, 32 <= Mask < 64.
template <int Mask> PARAGON_DEVICE int exchange_halves(int value, int lane) {
#if defined(__gfx950__)
  if constexpr (Mask == 32) {
    const auto swapped = __builtin_amdgcn_permlane32_swap(value, value, false, false);
    return static_cast<int>((lane & 32) != 0 ? swapped[0] : swapped[1]);
  }
#endif
  return __builtin_amdgcn_ds_bpermute((lane ^ Mask) << 2, value);
}

}  // namespace amd

/// Operations of one wave; see host/wave.hpp. All lanes of the wave must be active in `any` and the shuffles.
template <int WaveSize> struct wave_ops {
  static_assert(WaveSize == 32 || WaveSize == 64, "a wave has 32 or 64 lanes");

  static constexpr int size = WaveSize;

  static PARAGON_DEVICE int lane() { return static_cast<int>(threadIdx.x % WaveSize); }

  static PARAGON_DEVICE int lane_again() {
    int thread = static_cast<int>(threadIdx.x);
    asm("" : "+v"(thread));
    return thread % WaveSize;
  }

  static PARAGON_DEVICE int index() { return __builtin_amdgcn_readfirstlane(static_cast<int>(threadIdx.x / WaveSize)); }

  static PARAGON_DEVICE int count() { return static_cast<int>(blockDim.x / WaveSize); }

  /// An instruction that costs nothing but that no branch of a lane can jump over.
  static PARAGON_DEVICE void converge() { __builtin_amdgcn_wave_barrier(); }

  static PARAGON_DEVICE bool any(bool condition) {
    if constexpr (WaveSize == 64) {
      return __builtin_amdgcn_ballot_w64(condition) != 0;
    } else {
      return __builtin_amdgcn_ballot_w32(condition) != 0;
    }
  }

  template <class T> static PARAGON_DEVICE T shuffle(T value, int source_lane) {
    static_assert(sizeof(T) == 4, "lanes exchange 32-bit values");
    return __builtin_bit_cast(T, __builtin_amdgcn_ds_bpermute(source_lane << 2, __builtin_bit_cast(int, value)));
  }

  template <int Lane> static PARAGON_DEVICE std::int64_t broadcast_in_row(std::int64_t value) {
    static_assert(Lane >= 0 && Lane < 16, "a row has 16 lanes");
    return amd::dpp<amd::dpp_row_broadcast | Lane>(value);
  }

  template <int Mask, class T> static PARAGON_DEVICE T shuffle_xor(T value) {
    static_assert(sizeof(T) == 4, "lanes exchange 32-bit values");
    static_assert(Mask > 0 && Mask < WaveSize, "the mask must name another lane of the wave");
    const int bits = __builtin_bit_cast(int, value);
    if constexpr (Mask < 16) {
      return __builtin_bit_cast(T, amd::exchange_in_row<Mask>(bits));
    } else if constexpr (Mask < 32) {
      return __builtin_bit_cast(T, amd::exchange_rows<Mask>(bits, lane_again()));
    } else {
      return __builtin_bit_cast(T, amd::exchange_halves<Mask>(bits, lane_again()));
    }
  }
};

template <class T> PARAGON_DEVICE T uniform(const T& value) {
  static_assert(sizeof(T) % 4 == 0, "lanes agree on values by 32 bits");
  struct {
    int word[sizeof(T) / 4];
  } words;
  words = __builtin_bit_cast(decltype(words), value);
  for (int& word : words.word) word = __builtin_amdgcn_readfirstlane(word);
  return __builtin_bit_cast(T, words);
}

PARAGON_DEVICE int workgroup() { return static_cast<int>(blockIdx.x); }

PARAGON_DEVICE int workgroups() { return static_cast<int>(gridDim.x); }

PARAGON_DEVICE void schedule_barrier() { __builtin_amdgcn_sched_barrier(0); }

PARAGON_DEVICE void barrier() { __syncthreads(); }

}  // namespace paragon::platform
