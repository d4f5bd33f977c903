#pragma once

#include <paragon/decode/tile_operands.hpp>

namespace paragon {

/// A lane's part of the keys and values of one wave tile, as stored: loaded straight from the cache, in the order in
/// which the atoms want it.
template <class Traits, class Shape> class key_value_tile {
  using kv = typename Traits::kv;
  using lanes = typename Shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;
  using item_type = item_view<Traits, Shape>;
  using operands = tile_operands<Traits, Shape>;
  using key_rows = typename operands::key_rows;
  using value_rows = typename operands::value_rows;
  using scores_type = mma::sum_fragment<lanes>[Shape::sub_tiles][Shape::column_blocks];

  static constexpr bool holds_keys = Shape::path == tile_path::registers;

 public:
  /// Issues the loads of the tile that starts at `token`. Keys only if they stay in registers.
  PARAGON_DEVICE void load(const item_type& item, int token, int slice) {
    PARAGON_UNROLL
    for (int s = 0; s < Shape::sub_tiles; ++s) {
      if constexpr (holds_keys) load_keys(item, token, s);
      if (s < Shape::operand_tiles) load_values(item, token, s, slice);
    }
  }

  /// scores += K Q^T, both in the units in which they are stored.
  PARAGON_DEVICE void score(const item_type& item, int token, const query_tile<Traits, Shape>& query,
                            scores_type& scores) const {
    PARAGON_UNROLL
    for (int s = 0; s < Shape::sub_tiles; ++s) {
      if constexpr (holds_keys) {
        PARAGON_UNROLL
        for (int b = 0; b < Shape::key_blocks; ++b) operands::score_block(keys_[s][b], query, b, scores[s]);
      } else {
        stream_scores(item, token, s, query, scores[s]);
      }
    }
  }

  /// output += V^T P^T for one operand of probabilities per column block.
  PARAGON_DEVICE void accumulate(int part, const mma::b_fragment<lanes> (&probabilities)[Shape::column_blocks],
                                 mma::sum_fragment<lanes> (&output)[Shape::column_blocks][Shape::output_tiles]) const {
    PARAGON_UNROLL
    for (int vb = 0; vb < Shape::value_blocks; ++vb)
      operands::accumulate_block(values_[part][vb], vb, probabilities, output);
  }

 private:
  static PARAGON_DEVICE auto load_key_run(const kv* row, int block) {
    row += operands::key_dim(block);
    return operands::load_key_run(block,
                                  [&](int offset) { return platform::load_streaming<Shape::key_load>(row + offset); });
  }
  static PARAGON_DEVICE const kv* key_row(const item_type& item, int token, int sub_tile, int r) {
    return item.key_row(item.locate(token + 16 * sub_tile + operands::key_token(r)));
  }

  PARAGON_DEVICE void load_keys(const item_type& item, int token, int s) {
    PARAGON_UNROLL
    for (int r = 0; r < lanes::rows_per_lane; ++r) {
      const kv* row = key_row(item, token, s, r);
      PARAGON_UNROLL
      for (int b = 0; b < Shape::key_blocks; ++b) keys_[s][b][r] = load_key_run(row, b);
    }
  }

  PARAGON_DEVICE void load_values(const item_type& item, int token, int part, int slice) {
    PARAGON_UNROLL
    for (int e = 0; e < lanes::depth_per_lane; ++e) {
      // Where a lane holds all tokens (RDNA 3), their addresses are scalars: more of them at once than there are
      // registers.
      if (e == 8) platform::schedule_barrier();
      const kv* row =
          item.value_row(item.locate(token + 16 * lanes::score_tiles * part + lanes::token(wave::lane(), e)));
      PARAGON_UNROLL
      for (int vb = 0; vb < Shape::value_blocks; ++vb) {
        const int dim = operands::value_dim(vb, slice);
        values_[part][vb][e] = {};
        if (operands::has_values(dim)) values_[part][vb][e] = platform::load_streaming<Shape::value_load>(row + dim);
      }
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
      for (int r = 0; r < lanes::rows_per_lane; ++r) rows[r] = load_key_run(row[r], b);
      operands::score_block(rows, query, b, scores);
    }
  }

  key_rows keys_[holds_keys ? Shape::sub_tiles : 1][holds_keys ? Shape::key_blocks : 1];
  value_rows values_[Shape::operand_tiles][Shape::value_blocks];
};

}  // namespace paragon
