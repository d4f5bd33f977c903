#pragma once

#include <paragon/decode/query.hpp>

namespace paragon {

/// A lane's part of the keys and values of one wave tile, as stored: loaded straight from the cache, in the order in
/// which the atoms want it, converted (fp8 only) on the way into the operands.
template <class Traits, class Shape> class key_value_tile {
  using kv = typename Traits::kv;
  using atom = typename Shape::atom;
  using lanes = typename Shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;
  using item_type = item_view<Traits, Shape>;
  using scores_type = mma::sum_fragment<lanes>[Shape::sub_tiles][Shape::column_blocks];

  static constexpr int key_loads = Shape::key_run * Shape::bytes / Shape::key_load;  ///< per lane, token and block
  static constexpr int run_words = lanes::depth_per_lane / 2;

  /// What one lane holds of one token and key block.
  struct key_run {
    platform::words<Shape::key_load> part[key_loads];

    PARAGON_DEVICE std::uint32_t word(int i) const {
      constexpr int per_load = Shape::key_load / 4;
      return part[i / per_load].w[i % per_load];
    }
  };

 public:
  /// Issues the loads of the tile that starts at `token`. Keys only if they stay in registers.
  PARAGON_DEVICE void load(const item_type& item, int token, int slice) {
    PARAGON_UNROLL
    for (int s = 0; s < Shape::sub_tiles; ++s) {
      if constexpr (Shape::resident) load_keys(item, token, s);
      load_values(item, token, s, slice);
    }
  }

  /// scores += K Q^T, both in the units in which they are stored.
  PARAGON_DEVICE void score(const item_type& item, int token, const query_tile<Traits, Shape>& query,
                            scores_type& scores) const {
    PARAGON_UNROLL
    for (int s = 0; s < Shape::sub_tiles; ++s) {
      if constexpr (Shape::resident) {
        PARAGON_UNROLL
        for (int b = 0; b < Shape::key_blocks; ++b) score_block(keys_[s][b], query, b, scores[s]);
      } else {
        stream_scores(item, token, s, query, scores[s]);
      }
    }
  }

  /// output += V^T P^T for one sub-tile; `probabilities` per column block.
  PARAGON_DEVICE void accumulate(int sub_tile, const mma::b_fragment<lanes> (&probabilities)[Shape::column_blocks],
                                 mma::sum_fragment<lanes> (&output)[Shape::column_blocks][Shape::output_tiles]) const {
    PARAGON_UNROLL
    for (int vb = 0; vb < Shape::value_blocks; ++vb) {
      PARAGON_UNROLL
      for (int x = 0; x < Shape::value_run; x += 2)
        accumulate_pair(values_[sub_tile][vb], vb, x, probabilities, output);
    }
  }

 private:
  using key_rows = key_run[lanes::rows_per_lane];
  using value_rows = platform::words<Shape::value_load>[lanes::depth_per_lane];

  static PARAGON_DEVICE int key_dim(int block) {
    return block * Shape::key_block + lanes::group(wave::lane()) * Shape::key_run;
  }

  static PARAGON_DEVICE key_run load_key_run(const kv* row, int dim) {
    constexpr int elements = Shape::key_load / Shape::bytes;
    constexpr bool padded = Shape::key_blocks * Shape::key_block != Traits::head_dim;
    key_run run{};
    PARAGON_UNROLL
    for (int i = 0; i < key_loads; ++i)
      if (!padded || dim + i * elements < Traits::head_dim)
        run.part[i] = platform::load_streaming<Shape::key_load>(row + dim + i * elements);
    return run;
  }

  /// Row r of a lane is token  index + index_lanes * r  of the sub-tile.
  static PARAGON_DEVICE const kv* key_row(const item_type& item, int token, int sub_tile, int r) {
    return item.key_row(item.locate(token + 16 * sub_tile + lanes::index(wave::lane()) + lanes::index_lanes * r));
  }

  PARAGON_DEVICE void load_keys(const item_type& item, int token, int s) {
    PARAGON_UNROLL
    for (int r = 0; r < lanes::rows_per_lane; ++r) {
      const kv* row = key_row(item, token, s, r);
      PARAGON_UNROLL
      for (int b = 0; b < Shape::key_blocks; ++b) keys_[s][b][r] = load_key_run(row, key_dim(b));
    }
  }

  PARAGON_DEVICE void load_values(const item_type& item, int token, int s, int slice) {
    constexpr bool padded = Shape::slices * Shape::value_blocks * Shape::value_block != Traits::value_dim;
    const int first_dim =
        slice * Shape::value_blocks * Shape::value_block + lanes::index(wave::lane()) * Shape::value_run;
    PARAGON_UNROLL
    for (int e = 0; e < lanes::depth_per_lane; ++e) {
      // Where a lane holds all tokens (RDNA 3), their addresses are scalars: more of them at once than there are
      // registers.
      if (e == 8) platform::schedule_barrier();
      const kv* row = item.value_row(item.locate(token + 16 * s + lanes::token(wave::lane(), e)));
      PARAGON_UNROLL
      for (int vb = 0; vb < Shape::value_blocks; ++vb) {
        const int dim = first_dim + vb * Shape::value_block;
        values_[s][vb][e] = {};
        if (!padded || dim < Traits::value_dim)
          values_[s][vb][e] = platform::load_streaming<Shape::value_load>(row + dim);
      }
    }
  }

  /// Multiplies one key block, all its steps.
  static PARAGON_DEVICE void score_block(const key_rows& rows, const query_tile<Traits, Shape>& query, int block,
                                         mma::sum_fragment<lanes> (&scores)[Shape::column_blocks]) {
    PARAGON_UNROLL
    for (int step = 0; step < Shape::key_steps; ++step) {
      mma::a_fragment<lanes> a;
      PARAGON_UNROLL
      for (int r = 0; r < lanes::rows_per_lane; ++r) set_key_operand(rows[r], step, a.word + r * run_words);
      PARAGON_UNROLL
      for (int cb = 0; cb < Shape::column_blocks; ++cb) atom::multiply(scores[cb], a, query.get(cb, block, step));
    }
  }
  static PARAGON_DEVICE void set_key_operand(const key_run& run, int step, std::uint32_t* operand) {
    if constexpr (fp8_element<kv>) {
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

  /// Scores of a sub-tile whose keys pass through registers block by block. Two blocks at a time, so that loads of one
  /// are in flight while the other is multiplied.
  static PARAGON_DEVICE void stream_scores(const item_type& item, int token, int s,
                                           const query_tile<Traits, Shape>& query,
                                           mma::sum_fragment<lanes> (&scores)[Shape::column_blocks]) {
    const kv* row[lanes::rows_per_lane];
    PARAGON_UNROLL
    for (int r = 0; r < lanes::rows_per_lane; ++r) row[r] = key_row(item, token, s, r);
    PARAGON_UNROLL_BY(2)
    for (int b = 0; b < Shape::key_blocks; ++b) {
      key_rows rows;
      PARAGON_UNROLL
      for (int r = 0; r < lanes::rows_per_lane; ++r) rows[r] = load_key_run(row[r], key_dim(b));
      score_block(rows, query, b, scores);
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

  key_rows keys_[Shape::resident ? Shape::sub_tiles : 1][Shape::resident ? Shape::key_blocks : 1];
  value_rows values_[Shape::sub_tiles][Shape::value_blocks];
};

}  // namespace paragon
