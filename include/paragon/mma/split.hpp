#pragma once

#include <bit>
#include <paragon/mma/atom.hpp>

namespace paragon::mma {

/// Numbers for a matrix unit that multiplies e4m3, as sums of a few of them:  x = t0 + t1 / 32 + t2 / 32^2,
/// t0 = e4m3(x), t1 = e4m3(32 (x - t0)), and so on. A rounding error has a sign of its own, so that each further term
/// adds five significant bits to the first's four: two terms are a bf16 number, down to 2^-10 of the largest, below
/// which the error is under 2^-20 of it; three are an fp16 number, down to 2^-16 of the largest.
///
/// Terms are columns of B, which fall into a power of two of equal parts: the first has the first terms of some rows of
/// the query, the next the second terms of the same rows. Where a query group leaves columns empty anyway, further
/// terms cost no multiplication.
template <class Lanes, fp8_element Element> struct split {
  using wave = platform::wave_ops<Lanes::wave_size>;
  static constexpr int distinct_columns = Lanes::columns / static_cast<int>(std::bit_ceil(unsigned{Lanes::terms}));
  /// A column's largest number, in absolute value, may be up to 2^largest: 32 times its rounding error is no more.
  static constexpr int largest = 7;

  /// The term of four numbers that belongs into the calling lane's column. A part without a term repeats the first.
  static PARAGON_DEVICE std::uint32_t pack(const float (&x)[4]) {
    float rest[4] = {x[0], x[1], x[2], x[3]};
    std::uint32_t mine = 0;
    PARAGON_UNROLL
    for (int term = 0; term < Lanes::terms; ++term) {
      const std::uint32_t code = platform::pack_fp8<Element>(rest);
      mine = term == 0 || part(wave::lane()) == term ? code : mine;
      const auto rounded = platform::widen_fp8<Element>(code);
      PARAGON_UNROLL
      for (int i = 0; i < 4; ++i) rest[i] = (rest[i] - platform::float_of(rounded.w[i])) * step;
    }
    return mine;
  }

  /// What the calling lane's column counts for.
  static PARAGON_DEVICE float weight() {
    const int mine = part(wave::lane_again());
    float result = 1.0f;
    PARAGON_UNROLL
    for (int term = 1; term < Lanes::terms; ++term) result = mine >= term ? result / step : result;
    return mine < Lanes::terms ? result : 0.0f;
  }
  /// The sum of a column's terms, in the lanes of all of them, from the weighted ones. The lanes agree on every bit: of
  /// a number that one of them rounded up to a tie and another down, they would pack terms that do not belong together.
  static PARAGON_DEVICE float join(float weighted) { return join_parts<Lanes::columns / 2>(weighted); }

 private:
  static constexpr float step = 32.0f;

  static PARAGON_DEVICE int part(int lane) { return Lanes::column(lane, 0) / distinct_columns; }

  template <int Distance> static PARAGON_DEVICE float join_parts(float x) {
    if constexpr (Distance < distinct_columns)
      return x;
    else
      return join_parts<Distance / 2>(platform::add_products(x, wave::template shuffle_xor<Distance>(x)));
  }
};

}  // namespace paragon::mma
