#pragma once

#include <paragon/mma/atom.hpp>

namespace paragon::mma {

/// 16-bit numbers for a matrix unit that multiplies e4m3, as sums of two:  x = hi + lo / 32,  hi = e4m3(x),
/// lo = e4m3(32 (x - hi)). The rounding error has a sign of its own, so that the two terms together have nine
/// significant bits: bf16 numbers are exact, down to 2^-10 of the largest, below which the error is under 2^-20 of it.
///
/// Terms are columns of B: the first half of the columns holds the hi, the second half the lo of the same rows of the
/// query. Where a query group leaves half of the columns empty anyway, the second term costs no multiplication.
template <class Lanes, fp8_element Element> struct split {
  using wave = platform::wave_ops<Lanes::wave_size>;
  static constexpr int distinct_columns = Lanes::columns / 2;
  /// A column's largest number, in absolute value, may be up to 2^largest: 32 times its rounding error is no more.
  static constexpr int largest = 7;

  /// The term of four numbers that belongs into the calling lane's column.
  static PARAGON_DEVICE std::uint32_t pack(const float (&x)[4]) {
    const std::uint32_t hi = platform::pack_fp8<Element>(x);
    const auto rounded = platform::widen_fp8<Element>(hi);
    float rest[4];
    PARAGON_UNROLL
    for (int i = 0; i < 4; ++i) rest[i] = (x[i] - platform::float_of(rounded.w[i])) * lo_scale;
    const std::uint32_t lo = platform::pack_fp8<Element>(rest);
    return is_lo(wave::lane()) ? lo : hi;
  }

  /// What the calling lane's column counts for.
  static PARAGON_DEVICE float weight() { return is_lo(wave::lane_again()) ? 1.0f / lo_scale : 1.0f; }
  /// The sum of a column's two terms, in both of their lanes, from the weighted ones.
  static PARAGON_DEVICE float join(float weighted) {
    return weighted + wave::template shuffle_xor<distinct_columns>(weighted);
  }

 private:
  static constexpr float lo_scale = 32.0f;

  static PARAGON_DEVICE bool is_lo(int lane) { return Lanes::column(lane, 0) >= distinct_columns; }
};

}  // namespace paragon::mma
