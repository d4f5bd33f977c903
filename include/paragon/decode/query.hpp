#pragma once

#include <cmath>
#include <paragon/decode/item.hpp>

namespace paragon {

/// The query rows of a wave as operand B of the score product, in the order of dims in which key blocks are loaded:
/// step s of block b of a lane are dims  b * key_block + group * key_run + s * depth_per_lane + e.
///
/// bf16 queries meet fp8 keys as fp16: each row is multiplied by a power of two that brings its largest element to
/// [2^14, 2^15), so that every element within 2^38 of the largest keeps its eight bits. Where queries of either type
/// meet fp8 keys as fp8 terms (mma/split.hpp), it is brought to [2^6, 2^7). `unscale` takes the factor back out.
template <class Traits, class Shape> class query_tile {
  using atom = typename Shape::atom;
  using lanes = typename Shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;
  using element = typename Traits::query;
  using fragment = typename Shape::element;
  static constexpr bool rescaled = !std::is_same_v<element, fragment>;
  static constexpr int steps = Shape::key_blocks * Shape::key_steps;
  static constexpr int step_words = lanes::depth_words;
  static constexpr bool splits = lanes::terms > 1;
  static constexpr int largest_exponent = splits ? 6 : 14;
  static constexpr int run_words = Shape::key_run / 2;

 public:
  using operand = mma::b_fragment<lanes>;

  /// For kernels that keep the operands in registers: issues all loads. `set` takes what they brought.
  PARAGON_DEVICE void fetch(const item_view<Traits, Shape>& item) {
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      const element* data = row_data(item, cb);
      PARAGON_UNROLL
      for (int b = 0; b < Shape::key_blocks; ++b) registers_[cb].block[b] = load_run(data, b);
    }
  }
  PARAGON_DEVICE void set() {
    if constexpr (rescaled) {
      PARAGON_UNROLL
      for (int cb = 0; cb < Shape::column_blocks; ++cb) {
        float largest = 0.0f;
        PARAGON_UNROLL
        for (int b = 0; b < Shape::key_blocks; ++b) largest = fmaxf(largest, largest_of(registers_[cb].block[b]));
        const float scale = row_scale(largest, cb);
        PARAGON_UNROLL
        for (int b = 0; b < Shape::key_blocks; ++b) rescale(registers_[cb].block[b], scale);
      }
    }
  }

  /// For kernels that keep the operands in shared memory. `writes` says which of the waves that share them puts them
  /// there.
  PARAGON_DEVICE void load(const item_view<Traits, Shape>& item, std::byte* shared, bool writes) {
    shared_ = shared;
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      const element* data = row_data(item, cb);
      float scale = 1.0f;
      if constexpr (rescaled) {
        float largest = 0.0f;
        PARAGON_UNROLL_BY(1)
        for (int b = 0; b < Shape::key_blocks; ++b) largest = fmaxf(largest, largest_of(load_run(data, b)));
        scale = row_scale(largest, cb);
      }
      PARAGON_UNROLL_BY(1)
      for (int b = 0; b < Shape::key_blocks; ++b) {
        run r = load_run(data, b);
        if constexpr (rescaled) rescale(r, scale);
        if (!writes) continue;
        PARAGON_UNROLL
        for (int s = 0; s < Shape::key_steps; ++s) *address(cb, b * Shape::key_steps + s) = r.step(s);
      }
    }
  }

  PARAGON_DEVICE operand get(int column_block, int block, int step) const {
    if constexpr (Shape::query_in_registers)
      return registers_[column_block].block[block].step(step);
    else
      return *address(column_block, block * Shape::key_steps + step);
  }

  /// What the scores of the lane's column `slot` are multiplied with to undo the scaling of the row.
  PARAGON_DEVICE float unscale(int column_block, int slot) const {
    if constexpr (!rescaled) return 1.0f;
    return unscale_[column_block][slot];
  }

 private:
  /// A lane's elements of one key block, two per word.
  struct run {
    std::uint32_t word[run_words];

    PARAGON_DEVICE operand step(int s) const {
      operand b;
      PARAGON_UNROLL
      for (int w = 0; w < step_words; ++w) b.word[w] = word[s * step_words + w];
      return b;
    }
  };
  struct runs {
    run block[Shape::key_blocks];
  };

  static PARAGON_DEVICE const element* row_data(const item_view<Traits, Shape>& item, int cb) {
    const auto row = item.row(Shape::row_of(cb, lanes::index(wave::lane_again())));
    const heads_view<const element>& q = item.arguments().query;
    const int token = item.lengths.query_begin + row.token, last = q.tokens - 1;
    const std::int64_t inside = token < 0 ? 0 : token < last ? token : last;
    return q.data + (inside * q.token_stride + row.head * q.head_stride);
  }

  /// A lane's part of a key block; zeros past the head dim.
  static PARAGON_DEVICE run load_run(const element* data, int block) {
    constexpr bool padded = Shape::key_blocks * Shape::key_block != Traits::head_dim;
    const int first_dim = block * Shape::key_block + lanes::group(wave::lane_again()) * Shape::key_run;
    run result{};
    PARAGON_UNROLL
    for (int i = 0; i < Shape::key_run; i += 8) {
      if (padded && first_dim + i >= Traits::head_dim) continue;
      const auto eight = platform::load_cached(data + first_dim + i);
      PARAGON_UNROLL
      for (int w = 0; w < 4; ++w) result.word[i / 2 + w] = eight.w[w];
    }
    return result;
  }

  static PARAGON_DEVICE float widen(std::uint32_t word, int half) {
    return platform::float_of(platform::widen<element>(word).w[half]);
  }
  static PARAGON_DEVICE float largest_of(const run& r) {
    float result = 0.0f;
    PARAGON_UNROLL
    for (int i = 0; i < Shape::key_run; ++i) result = fmaxf(result, fabsf(widen(r.word[i / 2], i % 2)));
    return result;
  }
  static PARAGON_DEVICE void rescale(run& r, float scale) {
    PARAGON_UNROLL
    for (int w = 0; w < run_words; w += splits ? 2 : 1) {
      if constexpr (splits) {
        const float four[4] = {widen(r.word[w], 0) * scale, widen(r.word[w], 1) * scale,
                               widen(r.word[w + 1], 0) * scale, widen(r.word[w + 1], 1) * scale};
        r.word[w / 2] = atom::terms_type::pack(four);
      } else {
        r.word[w] = platform::pack<fragment>(widen(r.word[w], 0) * scale, widen(r.word[w], 1) * scale);
      }
    }
  }

  /// The power of two for a row whose largest element in this lane is given: all lanes that hold a part of it agree.
  /// Exponents are kept where both the factor and its inverse are normal numbers.
  PARAGON_DEVICE float row_scale(float largest, int cb) {
    const float row_largest = lanes::fold_depth(largest, [](float x, float y) { return fmaxf(x, y); });
    const int exponent = largest_exponent + 127 + 127 - static_cast<int>(platform::bits_of(row_largest) >> 23);
    const int kept = exponent < 2 ? 2 : exponent < 252 ? exponent : 252;
    float inverse = platform::float_of(static_cast<std::uint32_t>(254 - kept) << 23);
    if constexpr (splits) inverse *= atom::terms_type::weight();
    PARAGON_UNROLL
    for (int slot = 0; slot < lanes::column_slots; ++slot)
      unscale_[cb][slot] = wave::shuffle(inverse, lanes::lane_of_index(lanes::column(wave::lane_again(), slot)));
    return platform::float_of(static_cast<std::uint32_t>(kept) << 23);
  }

  PARAGON_DEVICE operand* address(int cb, int step) const {
    const int slot = lanes::group(wave::lane_again()) * lanes::index_lanes + lanes::index(wave::lane_again());
    return reinterpret_cast<operand*>(shared_) + ((cb * steps + step) * lanes::groups * lanes::index_lanes + slot);
  }

  std::byte* shared_;
  runs registers_[Shape::query_in_registers ? Shape::column_blocks : 1];
  float unscale_[Shape::column_blocks][lanes::column_slots];
};

}  // namespace paragon
