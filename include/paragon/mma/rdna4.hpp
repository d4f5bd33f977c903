#pragma once

#include <paragon/mma/split.hpp>

namespace paragon::mma {

/// Lane map of WMMA 16x16x16 on gfx12, wave32, after the RDNA4 ISA, section "Wave Matrix Multiply Accumulate": two
/// lanes share an index and hold eight depths each. As on CDNA, sums lie in the order in which B wants them.
struct rdna4_lanes {
  static constexpr int wave_size = 32, columns = 16, index_lanes = 16, rows_per_lane = 1;
  static constexpr int groups = 2, depth_per_lane = 8, sums = 8, column_slots = 1;
  static constexpr int depth_words = 4, score_tiles = 1, terms = 1;

  static PARAGON_HD constexpr int index(int lane) { return lane % 16; }
  static PARAGON_HD constexpr int lane_of_index(int index) { return index; }
  static PARAGON_HD constexpr int group(int lane) { return lane / 16; }
  static PARAGON_HD constexpr int sum_index(int lane, int r) { return 8 * (lane / 16) + r; }
  static PARAGON_HD constexpr int sum_sub_row(int) { return 0; }
  static PARAGON_HD constexpr int sum_slot(int) { return 0; }
  static PARAGON_HD constexpr int column(int lane, int) { return lane % 16; }
  static PARAGON_HD constexpr int token(int lane, int e) { return 8 * (lane / 16) + e; }

  using wave = platform::wave_ops<wave_size>;
  template <class Op> static PARAGON_DEVICE float fold_column(float v, Op op) {
    return op(v, wave::template shuffle_xor<16>(v));
  }
  template <class Op> static PARAGON_DEVICE float fold_depth(float v, Op op) { return fold_column(v, op); }
};

template <half_element Element> struct atom<target::rdna4, Element> : rdna4_lanes {
  using lanes = rdna4_lanes;
  using element = Element;

  static PARAGON_DEVICE void multiply([[maybe_unused]] sum_fragment<lanes>& sums,
                                      [[maybe_unused]] const a_fragment<lanes>& a,
                                      [[maybe_unused]] const b_fragment<lanes>& b) {
#if defined(__GFX12__)
    using floats = float __attribute__((ext_vector_type(8)));
    if constexpr (std::is_same_v<Element, fp16>) {
      using halves = _Float16 __attribute__((ext_vector_type(8)));
      sums = __builtin_bit_cast(sum_fragment<lanes>, __builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12(
                                                         __builtin_bit_cast(halves, a), __builtin_bit_cast(halves, b),
                                                         __builtin_bit_cast(floats, sums)));
    } else {
      using halves = __bf16 __attribute__((ext_vector_type(8)));
      sums = __builtin_bit_cast(sum_fragment<lanes>, __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32_gfx12(
                                                         __builtin_bit_cast(halves, a), __builtin_bit_cast(halves, b),
                                                         __builtin_bit_cast(floats, sums)));
    }
#elif PARAGON_PLATFORM_HOST
    multiply_on_host<lanes, Element>(sums, a, b);
#endif
  }

  static PARAGON_DEVICE b_fragment<lanes> transpose(const sum_fragment<lanes>& p) {
    b_fragment<lanes> b;
    PARAGON_UNROLL
    for (int i = 0; i < 4; ++i) b.word[i] = platform::pack_probabilities<Element>(p.value[2 * i], p.value[2 * i + 1]);
    return b;
  }
};

/// Lane map of WMMA 16x16x16 for fp8 on gfx12: as for 16-bit elements, in half the registers.
struct rdna4_fp8_lanes : rdna4_lanes {
  static constexpr int depth_words = 2, terms = 2;
};

template <fp8_element Element> struct atom<target::rdna4, fp8_terms<Element, 2>> : rdna4_fp8_lanes {
  using lanes = rdna4_fp8_lanes;
  using element = Element;
  using terms_type = split<lanes, Element>;

  static PARAGON_DEVICE void multiply([[maybe_unused]] sum_fragment<lanes>& sums,
                                      [[maybe_unused]] const a_fragment<lanes>& a,
                                      [[maybe_unused]] const b_fragment<lanes>& b) {
#if defined(__GFX12__)
    using floats = float __attribute__((ext_vector_type(8)));
    using bytes = int __attribute__((ext_vector_type(2)));
    sums = __builtin_bit_cast(sum_fragment<lanes>, __builtin_amdgcn_wmma_f32_16x16x16_fp8_fp8_w32_gfx12(
                                                       __builtin_bit_cast(bytes, a), __builtin_bit_cast(bytes, b),
                                                       __builtin_bit_cast(floats, sums)));
#elif PARAGON_PLATFORM_HOST
    multiply_on_host<lanes, Element>(sums, a, b);
#endif
  }

  static PARAGON_DEVICE b_fragment<lanes> transpose(const sum_fragment<lanes>& p) {
    const float lower[4] = {p.value[0], p.value[1], p.value[2], p.value[3]};
    const float upper[4] = {p.value[4], p.value[5], p.value[6], p.value[7]};
    return {{terms_type::pack(lower), terms_type::pack(upper)}};
  }
};

}  // namespace paragon::mma
