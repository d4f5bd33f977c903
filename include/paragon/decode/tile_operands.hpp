#pragma once

#include <paragon/decode/query.hpp>

namespace paragon {

/// From keys and values as stored to matrix operands: what every tile does once its bytes are in registers. fp8 is
/// converted on the way.
template <class Traits, class Shape> class tile_operands {
  using kv = typename Traits::kv;
  using atom = typename Shape::atom;
  using lanes = typename Shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;

  static constexpr int run_words = lanes::depth_words;
  static constexpr bool converts = !std::is_same_v<kv, typename Shape::element>;

 public:
  static constexpr int key_loads = Shape::key_run * Shape::bytes / Shape::key_load;  ///< per lane, token and block

  /// What one lane holds of one token and key block.
  struct key_run {
    platform::words<Shape::key_load> part[key_loads];

    PARAGON_DEVICE std::uint32_t word(int i) const {
      constexpr int per_load = Shape::key_load / 4;
      return part[i / per_load].w[i % per_load];
    }
  };
  using key_rows = key_run[lanes::rows_per_lane];
  using value_rows = platform::words<Shape::value_load>[lanes::depth_per_lane];

  /// The lane's first dim of a key block.
  static PARAGON_DEVICE int key_dim(int block, int lane = wave::lane()) {
    return block * Shape::key_block + lanes::group(lane) * Shape::key_run;
  }
  /// Row r of a lane is this token of the sub-tile.
  static PARAGON_DEVICE int key_token(int r) { return lanes::index(wave::lane()) + lanes::index_lanes * r; }
  /// The lane's first dim of a value block.
  static PARAGON_DEVICE int value_dim(int block, int slice, int lane = wave::lane()) {
    return (slice * Shape::value_blocks + block) * Shape::value_block + lanes::index(lane) * Shape::value_run;
  }

  /// A key run by `load(offset)` for each of its parts, in elements from the run's first; zeros past the head dim.
  template <class Load> static PARAGON_DEVICE key_run load_key_run(int block, Load load) {
    constexpr int elements = Shape::key_load / Shape::bytes;
    constexpr bool padded = Shape::key_blocks * Shape::key_block != Traits::head_dim;
    key_run run{};
    PARAGON_UNROLL
    for (int i = 0; i < key_loads; ++i) {
      if (!padded || key_dim(block) + i * elements < Traits::head_dim) run.part[i] = load(i * elements);
    }
    return run;
  }
  /// Whether a run of values starts inside the value dim; what is past it counts as zeros.
  static PARAGON_DEVICE bool has_values(int dim) {
    constexpr bool padded = Shape::slices * Shape::value_blocks * Shape::value_block != Traits::value_dim;
    return !padded || dim < Traits::value_dim;
  }

  /// Multiplies one key block, all its steps.
  static PARAGON_DEVICE void score_block(const key_rows& rows, const query_tile<Traits, Shape>& query, int block,
                                         mma::sum_fragment<lanes> (&scores)[Shape::column_blocks]) {
    constexpr int at_once = mma::multiplies_two<atom> && Shape::key_steps % 2 == 0 ? 2 : 1;
    PARAGON_UNROLL
    for (int step = 0; step < Shape::key_steps; step += at_once) {
      mma::a_fragment<lanes> a[at_once];
      PARAGON_UNROLL
      for (int i = 0; i < at_once; ++i) a[i] = key_operand(rows, step + i);
      PARAGON_UNROLL
      for (int cb = 0; cb < Shape::column_blocks; ++cb) {
        if constexpr (at_once == 2)
          atom::multiply(scores[cb], a, {query.get(cb, block, step), query.get(cb, block, step + 1)});
        else
          atom::multiply(scores[cb], a[0], query.get(cb, block, step));
      }
    }
  }

  /// output += V^T P^T for one value block.
  static PARAGON_DEVICE void accumulate_block(
      const value_rows& rows, int vb, const mma::b_fragment<lanes> (&probabilities)[Shape::column_blocks],
      mma::sum_fragment<lanes> (&output)[Shape::column_blocks][Shape::output_tiles]) {
    if constexpr (sizeof(typename Shape::element) == 1) {
      PARAGON_UNROLL
      for (int x = 0; x < Shape::value_run; x += 4) accumulate_four(rows, vb, x, probabilities, output);
    } else {
      PARAGON_UNROLL
      for (int x = 0; x < Shape::value_run; x += 2) accumulate_pair(rows, vb, x, probabilities, output);
    }
  }

 private:
  static PARAGON_DEVICE mma::a_fragment<lanes> key_operand(const key_rows& rows, int step) {
    mma::a_fragment<lanes> a;
    PARAGON_UNROLL
    for (int r = 0; r < lanes::rows_per_lane; ++r) set_key_operand(rows[r], step, a.word + r * run_words);
    return a;
  }
  static PARAGON_DEVICE void set_key_operand(const key_run& run, int step, std::uint32_t* operand) {
    if constexpr (converts) {
      PARAGON_UNROLL
      for (int w = 0; w < run_words; w += 2) {
        const auto four = platform::unpack_fp8<kv>(run.word((step * run_words + w) / 2));
        operand[w] = four.w[0];
        operand[w + 1] = four.w[1];
      }
    } else {
      PARAGON_UNROLL
      for (int w = 0; w < run_words; ++w) operand[w] = run.word(step * run_words + w);
    }
  }

  /// Operands for value dims x and x + 1 of every lane: the lane's tokens, transposed in registers two dims at a time.
  static PARAGON_DEVICE void accumulate_pair(
      const value_rows& rows, int vb, int x, const mma::b_fragment<lanes> (&probabilities)[Shape::column_blocks],
      mma::sum_fragment<lanes> (&output)[Shape::column_blocks][Shape::output_tiles]) {
    constexpr int fragments = 2 / lanes::rows_per_lane;
    mma::a_fragment<lanes> a[fragments];
    PARAGON_UNROLL
    for (int w = 0; w < run_words; ++w) {
      const auto pair = transpose_pair(rows[2 * w], rows[2 * w + 1], x);
      a[0].word[w] = pair.w[0];
      if constexpr (fragments == 1)
        a[0].word[run_words + w] = pair.w[1];
      else
        a[1].word[w] = pair.w[1];
    }
    const int tile = (vb * Shape::value_run + x) / lanes::rows_per_lane;
    PARAGON_UNROLL
    for (int f = 0; f < fragments; ++f) {
      PARAGON_UNROLL
      for (int cb = 0; cb < Shape::column_blocks; ++cb) atom::multiply(output[cb][tile + f], a[f], probabilities[cb]);
    }
  }

  /// The same for value dims x to x + 3 of fp8 that is not converted.
  static PARAGON_DEVICE void accumulate_four(
      const value_rows& rows, int vb, int x, const mma::b_fragment<lanes> (&probabilities)[Shape::column_blocks],
      mma::sum_fragment<lanes> (&output)[Shape::column_blocks][Shape::output_tiles]) {
    platform::words<16> part[run_words];
    PARAGON_UNROLL
    for (int w = 0; w < run_words; ++w)
      part[w] = transpose_four(rows[4 * w].w[x / 4], rows[4 * w + 1].w[x / 4], rows[4 * w + 2].w[x / 4],
                               rows[4 * w + 3].w[x / 4]);
    PARAGON_UNROLL
    for (int d = 0; d < 4; ++d) {
      mma::a_fragment<lanes> a;
      PARAGON_UNROLL
      for (int w = 0; w < run_words; ++w) a.word[w] = part[w].w[d];
      PARAGON_UNROLL
      for (int cb = 0; cb < Shape::column_blocks; ++cb)
        atom::multiply(output[cb][vb * Shape::value_run + x + d], a, probabilities[cb]);
    }
  }

  /// A 4x4 block of bytes, transposed.
  static PARAGON_DEVICE platform::words<16> transpose_four(std::uint32_t r0, std::uint32_t r1, std::uint32_t r2,
                                                           std::uint32_t r3) {
    const std::uint32_t low01 = platform::byte_permute<0x5140>(r0, r1), high01 = platform::byte_permute<0x7362>(r0, r1);
    const std::uint32_t low23 = platform::byte_permute<0x5140>(r2, r3), high23 = platform::byte_permute<0x7362>(r2, r3);
    return {{platform::byte_permute<0x5410>(low01, low23), platform::byte_permute<0x7632>(low01, low23),
             platform::byte_permute<0x5410>(high01, high23), platform::byte_permute<0x7632>(high01, high23)}};
  }

  /// Elements x and x + 1 of two tokens: w[0] holds element x of both, w[1] element x + 1.
  static PARAGON_DEVICE platform::words<8> transpose_pair(const platform::words<Shape::value_load>& even,
                                                          const platform::words<Shape::value_load>& odd, int x) {
    if constexpr (fp8_element<kv>) {
      const std::uint32_t low = even.w[x / 4], high = odd.w[x / 4];
      return platform::unpack_fp8<kv>(x % 4 == 0 ? platform::byte_permute<0x5140>(low, high)
                                                 : platform::byte_permute<0x7362>(low, high));
    } else {
      const std::uint32_t low = even.w[x / 2], high = odd.w[x / 2];
      return {{platform::byte_permute<0x5410>(low, high), platform::byte_permute<0x7632>(low, high)}};
    }
  }
};

}  // namespace paragon
