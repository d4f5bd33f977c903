#pragma once

#include <paragon/decode/tile_operands.hpp>
#include <utility>

namespace paragon {

/// The keys and values of a wave's tiles, loaded into registers straight from the cache, in the order in which the
/// atoms want them. Keys that have been multiplied make room for those of the next tile, values for its values: while
/// one half is multiplied the other is under way, and no byte has two registers. For targets that count loads: they are
/// waited for in the order in which they are issued here.
template <class Traits, class Shape> class rolling_tile {
  using kv = typename Traits::kv;
  using lanes = typename Shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;
  using item_type = item_view<Traits, Shape>;
  using operands = tile_operands<Traits, Shape>;
  using slot_of_token = typename item_type::slot_of_token;
  using scores_type = mma::sum_fragment<lanes>[Shape::sub_tiles][Shape::column_blocks];

  static constexpr int value_tokens = Shape::operand_tiles * lanes::depth_per_lane;  ///< that a lane has values of
  static_assert(lanes::rows_per_lane == 1 && lanes::index_lanes == 16 && value_tokens <= 16,
                "the lanes of a row of 16 find the rows of its values");

 public:
  PARAGON_DEVICE rolling_tile(const item_type& item, int slice)
      : key_dims_{item.keys() + operands::key_dim(0, wave::lane_again())},
        value_dims_{item.values() + operands::value_dim(0, slice, wave::lane_again())},
        key_token_{lanes::index(wave::lane_again())},
        value_token_{value_token(wave::lane_again())} {}

  /// Finds the keys of the tile that starts at `token`.
  PARAGON_DEVICE void look_up_keys(const item_type& item, int token) {
    PARAGON_UNROLL
    for (int s = 0; s < Shape::sub_tiles; ++s) key_at_[s] = item.locate(token + 16 * s + key_token_);
  }
  /// Finds the values of the tile that starts at `token`: each lane one token of those that its row of 16 lanes needs.
  PARAGON_DEVICE void look_up_values(const item_type& item, int token) {
    value_at_ = item.locate(token + value_token_);
  }

  /// Asks for the keys that were looked up, and looks up those of the tile at `following`.
  PARAGON_DEVICE void request_keys(const item_type& item, int following) {
    slot_of_token at[Shape::sub_tiles];
    PARAGON_UNROLL
    for (int s = 0; s < Shape::sub_tiles; ++s) at[s] = key_at_[s];
    look_up_keys(item, following);
    PARAGON_UNROLL
    for (int s = 0; s < Shape::sub_tiles; ++s) {
      const kv* row = key_dims_ + item.key_offset(at[s]);
      PARAGON_UNROLL
      for (int b = 0; b < Shape::key_blocks; ++b)
        keys_[s][b][0] = operands::load_key_run(b, [&](int offset) {
          return platform::load_streaming<Shape::key_load>(row + b * Shape::key_block + offset);
        });
    }
  }
  /// Asks for the values that were looked up, and looks up those of the tile at `following`.
  PARAGON_DEVICE void request_values(const item_type& item, int following, int slice) {
    const std::int64_t row = item.value_offset(value_at_);
    for_each_value_token([&](auto at, int part, int e) {
      const kv* values = value_dims_ + wave::template broadcast_in_row<at>(row);
      PARAGON_UNROLL
      for (int vb = 0; vb < Shape::value_blocks; ++vb) {
        values_[part][vb][e] = {};
        if (operands::has_values(operands::value_dim(vb, slice)))
          values_[part][vb][e] = platform::load_streaming<Shape::value_load>(values + vb * Shape::value_block);
      }
    });
    look_up_values(item, following);
  }

  /// scores += K Q^T, both in the units in which they are stored.
  PARAGON_DEVICE void score(const query_tile<Traits, Shape>& query, scores_type& scores) const {
    PARAGON_UNROLL
    for (int s = 0; s < Shape::sub_tiles; ++s) {
      PARAGON_UNROLL
      for (int b = 0; b < Shape::key_blocks; ++b) operands::score_block(keys_[s][b], query, b, scores[s]);
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
  /// The token of a tile that a lane finds for its row of 16 lanes.
  static PARAGON_DEVICE int value_token(int lane) {
    const int mine = lane % value_tokens;
    return 16 * lanes::score_tiles * (mine / lanes::depth_per_lane) + lanes::token(lane, mine % lanes::depth_per_lane);
  }

  /// Calls f(lane of the row that knows the token, operand, element).
  template <class F> static PARAGON_DEVICE void for_each_value_token(F f) {
    [&]<int... At>(std::integer_sequence<int, At...>) {
      (f(std::integral_constant<int, At>{}, At / lanes::depth_per_lane, At % lanes::depth_per_lane), ...);
    }
    (std::make_integer_sequence<int, value_tokens>{});
  }

  const kv* key_dims_;  ///< the lane's part of the head's first row
  const kv* value_dims_;
  int key_token_;
  int value_token_;
  typename operands::key_rows keys_[Shape::sub_tiles][Shape::key_blocks];
  typename operands::value_rows values_[Shape::operand_tiles][Shape::value_blocks];
  slot_of_token key_at_[Shape::sub_tiles];
  slot_of_token value_at_;
};

}  // namespace paragon
