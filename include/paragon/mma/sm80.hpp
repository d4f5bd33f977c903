#pragma once

#include <paragon/mma/atom.hpp>

namespace paragon::mma {

/// Lane map of mma.sync m16n8k16 (sm_80 and later), after the PTX ISA, section "Matrix Fragments for mma.m16n8k16":
/// four lanes share an index and hold depths {2c, 2c+1, 2c+8, 2c+9}; a lane holds rows r and r+8 of A, and sums of two
/// columns.
struct sm80_lanes {
  static constexpr int wave_size = 32, columns = 8, index_lanes = 8, rows_per_lane = 2;
  static constexpr int groups = 4, depth_per_lane = 4, sums = 4, column_slots = 2;
  static constexpr int depth_words = 2, score_tiles = 1, terms = 1;

  static PARAGON_HD constexpr int index(int lane) { return lane / 4; }
  static PARAGON_HD constexpr int lane_of_index(int index) { return 4 * index; }
  static PARAGON_HD constexpr int group(int lane) { return lane % 4; }
  static PARAGON_HD constexpr int sum_index(int lane, int) { return lane / 4; }
  static PARAGON_HD constexpr int sum_sub_row(int r) { return r / 2; }
  static PARAGON_HD constexpr int sum_slot(int r) { return r % 2; }
  static PARAGON_HD constexpr int column(int lane, int slot) { return 2 * (lane % 4) + slot; }
  static PARAGON_HD constexpr int token(int lane, int e) { return 2 * (lane % 4) + e % 2 + 8 * (e / 2); }

  using wave = platform::wave_ops<wave_size>;
  template <class Op> static PARAGON_DEVICE float fold_column(float v, Op op) {
    v = op(v, wave::template shuffle_xor<4>(v));
    v = op(v, wave::template shuffle_xor<8>(v));
    return op(v, wave::template shuffle_xor<16>(v));
  }
  template <class Op> static PARAGON_DEVICE float fold_depth(float v, Op op) {
    v = op(v, wave::template shuffle_xor<1>(v));
    return op(v, wave::template shuffle_xor<2>(v));
  }
};

template <half_element Element> struct atom<target::sm80, Element> : sm80_lanes {
  using lanes = sm80_lanes;
  using element = Element;

  static PARAGON_DEVICE void multiply([[maybe_unused]] sum_fragment<lanes>& sums,
                                      [[maybe_unused]] const a_fragment<lanes>& a,
                                      [[maybe_unused]] const b_fragment<lanes>& b) {
#if defined(__CUDA_ARCH__)
    float* s = sums.value;
    // The instruction wants rows r, r + 8 of the lower depths first; a fragment holds row by row.
    if constexpr (std::is_same_v<Element, fp16>) {
      asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
          : "+f"(s[0]), "+f"(s[1]), "+f"(s[2]), "+f"(s[3])
          : "r"(a.word[0]), "r"(a.word[2]), "r"(a.word[1]), "r"(a.word[3]), "r"(b.word[0]), "r"(b.word[1]));
    } else {
      asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
          : "+f"(s[0]), "+f"(s[1]), "+f"(s[2]), "+f"(s[3])
          : "r"(a.word[0]), "r"(a.word[2]), "r"(a.word[1]), "r"(a.word[3]), "r"(b.word[0]), "r"(b.word[1]));
    }
#elif PARAGON_PLATFORM_HOST
    multiply_on_host<lanes, Element>(sums, a, b);
#endif
  }

  static PARAGON_DEVICE b_fragment<lanes> transpose(const sum_fragment<lanes>& p) {
    return {{transpose_8x8(platform::pack<Element>(p.value[0], p.value[1])),
             transpose_8x8(platform::pack<Element>(p.value[2], p.value[3]))}};
  }

 private:
  /// movmatrix: lane 4r+c holds columns 2c, 2c+1 of row r; afterwards it holds rows 2c, 2c+1 of column r.
  static PARAGON_DEVICE std::uint32_t transpose_8x8(std::uint32_t pair) {
#if defined(__CUDA_ARCH__)
    std::uint32_t result;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(result) : "r"(pair));
    return result;
#elif PARAGON_PLATFORM_HOST
    const int r = wave::lane() / 4, c = wave::lane() % 4;
    const std::uint32_t even = wave::shuffle(pair, 8 * c + r / 2), odd = wave::shuffle(pair, 8 * c + 4 + r / 2);
    return r % 2 ? (even >> 16) | (odd & 0xffff0000u) : (even & 0xffffu) | (odd << 16);
#else
    return pair;
#endif
  }
};

}  // namespace paragon::mma
