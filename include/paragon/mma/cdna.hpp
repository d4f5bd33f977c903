#pragma once

#include <paragon/mma/split.hpp>

namespace paragon::mma {

/// Lane map of MFMA 16x16x16 (gfx90a, gfx942, gfx950), after the CDNA3 ISA, section "Dense Matrix Layouts": four lanes
/// share an index and hold four consecutive depths each. The sums of a column lie in the order in which B wants them,
/// so probabilities become the next product's operand without leaving their lane.
struct cdna_lanes {
  static constexpr int wave_size = 64, columns = 16, index_lanes = 16, rows_per_lane = 1;
  static constexpr int groups = 4, depth_per_lane = 4, sums = 4, column_slots = 1;
  static constexpr int depth_words = 2, score_tiles = 1, terms = 1;

  static PARAGON_HD constexpr int index(int lane) { return lane % 16; }
  static PARAGON_HD constexpr int lane_of_index(int index) { return index; }
  static PARAGON_HD constexpr int group(int lane) { return lane / 16; }
  static PARAGON_HD constexpr int sum_index(int lane, int r) { return 4 * (lane / 16) + r; }
  static PARAGON_HD constexpr int sum_sub_row(int) { return 0; }
  static PARAGON_HD constexpr int sum_slot(int) { return 0; }
  static PARAGON_HD constexpr int column(int lane, int) { return lane % 16; }
  static PARAGON_HD constexpr int token(int lane, int e) { return 4 * (lane / 16) + e; }

  using wave = platform::wave_ops<wave_size>;
  template <class Op> static PARAGON_DEVICE float fold_column(float v, Op op) {
    v = op(v, wave::template shuffle_xor<16>(v));
    return op(v, wave::template shuffle_xor<32>(v));
  }
  template <class Op> static PARAGON_DEVICE float fold_depth(float v, Op op) { return fold_column(v, op); }
};

template <std::derived_from<target::cdna> Target, half_element Element> struct atom<Target, Element> : cdna_lanes {
  using lanes = cdna_lanes;
  using element = Element;

  static PARAGON_DEVICE void multiply([[maybe_unused]] sum_fragment<lanes>& sums,
                                      [[maybe_unused]] const a_fragment<lanes>& a,
                                      [[maybe_unused]] const b_fragment<lanes>& b) {
#if defined(__GFX9__)
    using floats = float __attribute__((ext_vector_type(4)));
    if constexpr (std::is_same_v<Element, fp16>) {
      using halves = _Float16 __attribute__((ext_vector_type(4)));
      sums = __builtin_bit_cast(sum_fragment<lanes>, __builtin_amdgcn_mfma_f32_16x16x16f16(
                                                         __builtin_bit_cast(halves, a), __builtin_bit_cast(halves, b),
                                                         __builtin_bit_cast(floats, sums), 0, 0, 0));
    } else {
      using halves = short __attribute__((ext_vector_type(4)));
      sums = __builtin_bit_cast(sum_fragment<lanes>, __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(
                                                         __builtin_bit_cast(halves, a), __builtin_bit_cast(halves, b),
                                                         __builtin_bit_cast(floats, sums), 0, 0, 0));
    }
#elif PARAGON_PLATFORM_HOST
    multiply_on_host<lanes, Element>(sums, a, b);
#endif
  }

  /// One instruction on gfx950 (16x16x32).
  static PARAGON_DEVICE void multiply(sum_fragment<lanes>& sums, const a_fragment<lanes> (&a)[2],
                                      const b_fragment<lanes> (&b)[2]) {
#if defined(__gfx950__)
    using floats = float __attribute__((ext_vector_type(4)));
    if constexpr (std::is_same_v<Element, fp16>) {
      using halves = _Float16 __attribute__((ext_vector_type(8)));
      sums = __builtin_bit_cast(sum_fragment<lanes>, __builtin_amdgcn_mfma_f32_16x16x32_f16(
                                                         __builtin_bit_cast(halves, a), __builtin_bit_cast(halves, b),
                                                         __builtin_bit_cast(floats, sums), 0, 0, 0));
    } else {
      using halves = __bf16 __attribute__((ext_vector_type(8)));
      sums = __builtin_bit_cast(sum_fragment<lanes>, __builtin_amdgcn_mfma_f32_16x16x32_bf16(
                                                         __builtin_bit_cast(halves, a), __builtin_bit_cast(halves, b),
                                                         __builtin_bit_cast(floats, sums), 0, 0, 0));
    }
#else
    multiply(sums, a[0], b[0]);
    multiply(sums, a[1], b[1]);
#endif
  }

  static PARAGON_DEVICE b_fragment<lanes> transpose(const sum_fragment<lanes>& p) {
    return {{platform::pack_probabilities<Element>(p.value[0], p.value[1]),
             platform::pack_probabilities<Element>(p.value[2], p.value[3])}};
  }
};

/// Lane map of MFMA 16x16x32 for fp8 (gfx942, gfx950): as above, but eight depths a lane; the tokens of two score tiles
/// make one operand.
template <int Terms> struct cdna3_fp8_lanes : cdna_lanes {
  static constexpr int depth_per_lane = 8, depth_words = 2, score_tiles = 2, terms = Terms;

  static PARAGON_HD constexpr int token(int lane, int e) { return 16 * (e / 4) + 4 * (lane / 16) + e % 4; }
};

template <fp8_element Element, int Terms>
struct atom<target::cdna3, fp8_terms<Element, Terms>> : cdna3_fp8_lanes<Terms> {
  using lanes = cdna3_fp8_lanes<Terms>;
  using element = Element;
  using terms_type = split<lanes, Element>;

  static PARAGON_DEVICE void multiply([[maybe_unused]] sum_fragment<lanes>& sums,
                                      [[maybe_unused]] const a_fragment<lanes>& a,
                                      [[maybe_unused]] const b_fragment<lanes>& b) {
#if defined(__gfx942__) || defined(__gfx950__)
    using floats = float __attribute__((ext_vector_type(4)));
    sums = __builtin_bit_cast(sum_fragment<lanes>,
                              __builtin_amdgcn_mfma_f32_16x16x32_fp8_fp8(__builtin_bit_cast(std::int64_t, a),
                                                                         __builtin_bit_cast(std::int64_t, b),
                                                                         __builtin_bit_cast(floats, sums), 0, 0, 0));
#elif PARAGON_PLATFORM_HOST
    multiply_on_host<lanes, Element>(sums, a, b);
#endif
  }

  static PARAGON_DEVICE b_fragment<lanes> transpose(const sum_fragment<lanes>& p, const sum_fragment<lanes>& q) {
    return {{terms_type::pack(p.value), terms_type::pack(q.value)}};
  }
};

}  // namespace paragon::mma
