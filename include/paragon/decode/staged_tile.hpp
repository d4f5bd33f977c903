#pragma once

#include <paragon/decode/tile_operands.hpp>

namespace paragon {

/// The keys and values of a wave's tiles on their way through shared memory: one tile is multiplied while the next is
/// copied beside it, by hardware, without registers. Only the wave itself uses its stages, so no barrier is needed.
///
/// What a fragment wants of a row is scattered over lanes, 64 bytes of each of eight rows to a load; H100's memory
/// delivers a fifth less to such loads than to whole rows (docs/performance.md). Copies take rows whole, neighbouring
/// lanes neighbouring 16 bytes, and the fragments are read from shared memory.
template <class Traits, class Shape> class staged_tile {
  using kv = typename Traits::kv;
  using lanes = typename Shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;
  using copies = platform::async_copies<typename Shape::target>;
  using item_type = item_view<Traits, Shape>;
  using operands = tile_operands<Traits, Shape>;
  using scores_type = mma::sum_fragment<lanes>[Shape::sub_tiles][Shape::column_blocks];

  static constexpr int tokens = Shape::wave_tokens;
  static constexpr int key_pieces = Shape::key_pieces, value_pieces = Shape::value_pieces;
  static constexpr int key_bytes = tokens * key_pieces * 16;

 public:
  /// `ring` is the wave's own shared memory, stages * stage_bytes.
  PARAGON_DEVICE explicit staged_tile(std::byte* ring) : ring_{ring} {}

  /// Finds the tokens of the tile to be requested next, one per lane, so that the page table's latency passes while
  /// another tile is multiplied.
  PARAGON_DEVICE void look_up(const item_type& item, int token) { at_ = item.locate(token + wave::lane() % tokens); }

  /// Starts the copies of the tile that was looked up. Every lane knows one token's rows; lanes that copy the same row
  /// ask the one that does.
  PARAGON_DEVICE void request(const item_type& item) {
    std::byte* keys = stage(1 - current_);
    std::byte* values = keys + key_bytes;
    const std::int64_t key_row = item.key_offset(at_), value_row = item.value_offset(at_);
    for_each_piece<key_pieces>([&](int token, int piece, bool mine) {
      const std::int64_t row = shuffle(key_row, token);
      if (mine) copies::copy(place<key_pieces>(keys, token, piece), item.keys() + row + piece * elements);
    });
    for_each_piece<value_pieces>([&](int token, int piece, bool mine) {
      const std::int64_t row = shuffle(value_row, token);
      if (mine) copies::copy(place<value_pieces>(values, token, piece), item.values() + row + piece * elements);
    });
  }

  /// Waits for the requested tile, which takes the place of the last one. All lanes have read that one then.
  PARAGON_DEVICE void receive() {
    copies::wait();
    wave::converge();
    current_ = 1 - current_;
  }

  /// scores += K Q^T, both in the units in which they are stored.
  PARAGON_DEVICE void score(const item_type&, int, const query_tile<Traits, Shape>& query, scores_type& scores) const {
    const std::byte* keys = stage(current_);
    PARAGON_UNROLL
    for (int b = 0; b < Shape::key_blocks; ++b) {
      typename operands::key_rows rows;
      PARAGON_UNROLL
      for (int r = 0; r < lanes::rows_per_lane; ++r)
        rows[r] = operands::load_key_run(b, [&](int offset) {
          return read<key_pieces, Shape::key_load>(keys, operands::key_token(r), operands::key_dim(b) + offset);
        });
      operands::score_block(rows, query, b, scores[0]);
    }
  }

  /// output += V^T P^T; `probabilities` per column block.
  PARAGON_DEVICE void accumulate(int, const mma::b_fragment<lanes> (&probabilities)[Shape::column_blocks],
                                 mma::sum_fragment<lanes> (&output)[Shape::column_blocks][Shape::output_tiles]) const {
    const std::byte* values = stage(current_) + key_bytes;
    PARAGON_UNROLL
    for (int vb = 0; vb < Shape::value_blocks; ++vb) {
      typename operands::value_rows rows;
      PARAGON_UNROLL
      for (int e = 0; e < lanes::depth_per_lane; ++e) {
        const int dim = operands::value_dim(vb, 0);
        rows[e] = {};
        if (operands::has_values(dim))
          rows[e] = read<value_pieces, Shape::value_load>(values, lanes::token(wave::lane(), e), dim);
      }
      operands::accumulate_block(rows, vb, probabilities, output);
    }
  }

 private:
  static constexpr int elements = 16 / Shape::bytes;  ///< of a piece

  PARAGON_DEVICE std::byte* stage(int i) const { return ring_ + i * Shape::stage_bytes; }

  static PARAGON_DEVICE std::int64_t shuffle(std::int64_t value, int lane) {
    const std::uint32_t low = wave::shuffle(static_cast<std::uint32_t>(value), lane);
    const std::uint32_t high = wave::shuffle(static_cast<std::uint32_t>(value >> 32), lane);
    return static_cast<std::int64_t>(std::uint64_t{high} << 32 | low);
  }

  /// Calls f(token, piece, mine) for the pieces that the wave copies at a time, `mine` being whether this lane has one.
  template <int Pieces, class F> static PARAGON_DEVICE void for_each_piece(F f) {
    constexpr int all = tokens * Pieces;
    PARAGON_UNROLL
    for (int first = 0; first < all; first += lanes::wave_size) {
      const unsigned i = static_cast<unsigned>(first + wave::lane());
      f(static_cast<int>(i / Pieces), static_cast<int>(i % Pieces), all % lanes::wave_size == 0 || i < all);
    }
  }

  /// Pieces are permuted within lines of 128 bytes, so that neither the copies of a row nor the fragments' reads, which
  /// take the same pieces of neighbouring rows, meet in a bank.
  template <int Pieces> static PARAGON_DEVICE int permuted(int row, int piece) {
    const int i = row * Pieces + piece;
    const int line = Pieces % 8 == 0 ? row : i / 8;
    return i ^ (line & 6) ^ (line % 2 * 4);
  }
  template <int Pieces> static PARAGON_DEVICE std::byte* place(std::byte* rows, int row, int piece) {
    return rows + permuted<Pieces>(row, piece) * 16;
  }
  template <int Pieces, int Bytes>
  static PARAGON_DEVICE platform::words<Bytes> read(const std::byte* rows, int row, int dim) {
    const int byte = dim * Shape::bytes;
    return *reinterpret_cast<const platform::words<Bytes>*>(rows + permuted<Pieces>(row, byte / 16) * 16 + byte % 16);
  }

  std::byte* ring_;
  typename item_type::slot_of_token at_;
  int current_ = 0;
};

}  // namespace paragon
