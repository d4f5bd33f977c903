#pragma once

#include <cmath>
#include <paragon/decode/item.hpp>

namespace paragon {

/// The query rows of a wave as operand B of the score product, in the order of dims in which key blocks are loaded:
/// step s of block b of a lane are dims  b * key_block + group * key_run + s * depth_per_lane + e.
///
/// bf16 queries meet fp8 keys as fp16: each row is multiplied by a power of two that brings its largest element to
/// [2^14, 2^15), so that every element within 2^38 of the largest keeps its eight bits; `unscale` takes it back out.
template <class Traits, class Shape> class query_tile {
  using atom = typename Shape::atom;
  using lanes = typename Shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;
  using element = typename Traits::query;
  using fragment = typename Traits::fragment;
  static constexpr bool rescaled = !std::is_same_v<element, fragment>;
  static constexpr int steps = Shape::key_blocks * Shape::key_steps;
  static constexpr int step_words = lanes::depth_per_lane / 2;
  static constexpr int run_words = Shape::key_run / 2;

 public:
  using operand = mma::b_fragment<lanes>;

  /// `shared` holds the operands of a kernel that does not keep them in registers; `writes` says which of the waves
  /// that share them puts them there.
  PARAGON_DEVICE void load(const item_view<Traits, Shape>& item, std::byte* shared, bool writes) {
    shared_ = shared;
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      const auto row = item.row(cb * lanes::columns + lanes::index(wave::lane()));
      const heads_view<const element>& q = item.arguments().query;
      const element* data = q.data + (clamp_token(item, row.token) * q.token_stride + row.head * q.head_stride);
      const float scale = row_scale(data, cb);
      if constexpr (Shape::resident) {
        PARAGON_UNROLL
        for (int b = 0; b < Shape::key_blocks; ++b) load_block(data, scale, cb, b, writes);
      } else {
        PARAGON_UNROLL_BY(1)
        for (int b = 0; b < Shape::key_blocks; ++b) load_block(data, scale, cb, b, writes);
      }
    }
  }

  PARAGON_DEVICE operand get(int column_block, int block, int step) const {
    const int s = block * Shape::key_steps + step;
    if constexpr (Shape::resident)
      return registers_[column_block][s];
    else
      return *address(column_block, s);
  }

  /// What the scores of the lane's column `slot` are multiplied with to undo the scaling of the row.
  PARAGON_DEVICE float unscale(int column_block, int slot) const {
    if constexpr (!rescaled) return 1.0f;
    return unscale_[column_block][slot];
  }

 private:
  static PARAGON_DEVICE std::int64_t clamp_token(const item_view<Traits, Shape>& item, int token) {
    const int row = item.lengths.query_begin + token, last = item.arguments().query.tokens - 1;
    return row < 0 ? 0 : row < last ? row : last;
  }

  /// Eight query elements from `dim` on; zeros past the head dim.
  static PARAGON_DEVICE platform::words<16> load_eight(const element* data, int dim) {
    if (Shape::key_blocks * Shape::key_block == Traits::head_dim || dim < Traits::head_dim)
      return platform::load_streaming<16>(data + dim);
    return {};
  }
  static PARAGON_DEVICE float widen(std::uint32_t word, int half) {
    return platform::float_of(half == 0 ? word << 16 : word & 0xffff0000u);  // bf16 to float32
  }

  /// The power of two for a row, found by all lanes that hold a part of it. Exponents are kept where both the factor
  /// and its inverse are normal numbers.
  PARAGON_DEVICE float row_scale(const element* data, int cb) {
    if constexpr (!rescaled) {
      return 1.0f;
    } else {
      const int exponent = 14 + 127 + 127 - static_cast<int>(platform::bits_of(largest(data)) >> 23);
      const int kept = exponent < 2 ? 2 : exponent < 252 ? exponent : 252;
      const float inverse = platform::float_of(static_cast<std::uint32_t>(254 - kept) << 23);
      PARAGON_UNROLL
      for (int slot = 0; slot < lanes::column_slots; ++slot)
        unscale_[cb][slot] = wave::shuffle(inverse, lanes::lane_of_index(lanes::column(wave::lane(), slot)));
      return platform::float_of(static_cast<std::uint32_t>(kept) << 23);
    }
  }
  static PARAGON_DEVICE float largest(const element* data) {
    float result = 0.0f;
    PARAGON_UNROLL_BY(1)
    for (int b = 0; b < Shape::key_blocks; ++b)
      for (int i = 0; i < Shape::key_run; i += 8) {
        const auto eight = load_eight(data, first_dim(b) + i);
        PARAGON_UNROLL
        for (int w = 0; w < 8; ++w) result = fmaxf(result, fabsf(widen(eight.w[w / 2], w % 2)));
      }
    return lanes::fold_depth(result, [](float x, float y) { return fmaxf(x, y); });
  }

  static PARAGON_DEVICE int first_dim(int block) {
    return block * Shape::key_block + lanes::group(wave::lane()) * Shape::key_run;
  }

  PARAGON_DEVICE void load_block(const element* data, float scale, int cb, int block, bool writes) {
    std::uint32_t run[run_words];
    PARAGON_UNROLL
    for (int i = 0; i < Shape::key_run; i += 8) {
      const auto eight = load_eight(data, first_dim(block) + i);
      PARAGON_UNROLL
      for (int w = 0; w < 4; ++w)
        run[i / 2 + w] = rescaled ? platform::pack<fragment>(widen(eight.w[w], 0) * scale, widen(eight.w[w], 1) * scale)
                                  : eight.w[w];
    }
    PARAGON_UNROLL
    for (int s = 0; s < Shape::key_steps; ++s) {
      operand b;
      PARAGON_UNROLL
      for (int w = 0; w < step_words; ++w) b.word[w] = run[s * step_words + w];
      if constexpr (Shape::resident)
        registers_[cb][block * Shape::key_steps + s] = b;
      else if (writes)
        *address(cb, block * Shape::key_steps + s) = b;
    }
  }

  PARAGON_DEVICE operand* address(int cb, int step) const {
    const int slot = lanes::group(wave::lane()) * lanes::index_lanes + lanes::index(wave::lane());
    return reinterpret_cast<operand*>(shared_) + ((cb * steps + step) * lanes::groups * lanes::index_lanes + slot);
  }

  std::byte* shared_;
  operand registers_[Shape::resident ? Shape::column_blocks : 1][Shape::resident ? steps : 1];
  float unscale_[Shape::column_blocks][lanes::column_slots];
};

}  // namespace paragon
