#pragma once

#include <paragon/mma/atom.hpp>

namespace paragon::mma {

/// Lane map of WMMA 16x16x16 on gfx11, wave32, after the RDNA3 ISA, section "Wave Matrix Multiply Accumulate": both
/// halves of the wave hold the same A and B, whole rows and columns; the sums of even rows lie in the lower half.
struct rdna3_lanes {
  static constexpr int wave_size = 32, columns = 16, index_lanes = 16, rows_per_lane = 1;
  static constexpr int groups = 1, depth_per_lane = 16, sums = 8, column_slots = 1;
  static constexpr int depth_words = 8, score_tiles = 1, terms = 1;

  static PARAGON_HD constexpr int index(int lane) { return lane % 16; }
  static PARAGON_HD constexpr int lane_of_index(int index) { return index; }
  static PARAGON_HD constexpr int group(int) { return 0; }
  static PARAGON_HD constexpr int sum_index(int lane, int r) { return 2 * r + lane / 16; }
  static PARAGON_HD constexpr int sum_sub_row(int) { return 0; }
  static PARAGON_HD constexpr int sum_slot(int) { return 0; }
  static PARAGON_HD constexpr int column(int lane, int) { return lane % 16; }
  /// The lower half's eight tokens come first, then the upper half's.
  static PARAGON_HD constexpr int token(int, int e) { return e < 8 ? 2 * e : 2 * (e - 8) + 1; }

  using wave = platform::wave_ops<wave_size>;
  template <class Op> static PARAGON_DEVICE float fold_column(float v, Op op) {
    return op(v, wave::template shuffle_xor<16>(v));
  }
  template <class Op> static PARAGON_DEVICE float fold_depth(float v, Op) { return v; }
};

template <half_element Element> struct atom<target::rdna3, Element> : rdna3_lanes {
  using lanes = rdna3_lanes;
  using element = Element;

  static PARAGON_DEVICE void multiply([[maybe_unused]] sum_fragment<lanes>& sums,
                                      [[maybe_unused]] const a_fragment<lanes>& a,
                                      [[maybe_unused]] const b_fragment<lanes>& b) {
#if defined(__GFX11__)
    using floats = float __attribute__((ext_vector_type(8)));
    if constexpr (std::is_same_v<Element, fp16>) {
      using halves = _Float16 __attribute__((ext_vector_type(16)));
      sums = __builtin_bit_cast(sum_fragment<lanes>, __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(
                                                         __builtin_bit_cast(halves, a), __builtin_bit_cast(halves, b),
                                                         __builtin_bit_cast(floats, sums)));
    } else {
      using halves = short __attribute__((ext_vector_type(16)));
      sums = __builtin_bit_cast(sum_fragment<lanes>, __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(
                                                         __builtin_bit_cast(halves, a), __builtin_bit_cast(halves, b),
                                                         __builtin_bit_cast(floats, sums)));
    }
#elif PARAGON_PLATFORM_HOST
    multiply_on_host<lanes, Element>(sums, a, b);
#endif
  }

  static PARAGON_DEVICE b_fragment<lanes> transpose(const sum_fragment<lanes>& p) {
    b_fragment<lanes> b;
    const bool upper = wave::lane() >= 16;
    PARAGON_UNROLL
    for (int i = 0; i < 4; ++i) {
      const std::uint32_t own = platform::pack_probabilities<Element>(p.value[2 * i], p.value[2 * i + 1]);
      const std::uint32_t other = wave::template shuffle_xor<16>(own);
      b.word[i] = upper ? other : own;
      b.word[4 + i] = upper ? own : other;
    }
    return b;
  }
};

}  // namespace paragon::mma
