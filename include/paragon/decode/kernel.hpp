#pragma once

#include <paragon/decode/combine.hpp>
#include <paragon/decode/epilogue.hpp>
#include <paragon/decode/key_value_tile.hpp>
#include <paragon/decode/softmax.hpp>

namespace paragon {

/// The decode kernel. Every workgroup works through its share of the plan, segment by segment; every wave reads its
/// part of the tiles of a segment once, straight into matrix operands.
template <class Traits, class Target, int ColumnBlocks> struct decode_kernel {
  using arguments = kernel_arguments<Traits>;
  using target = Target;
  using kv = typename Traits::kv;
  using shape = tile_shape<Target, typename Traits::fragment, kv, Traits::head_dim, Traits::value_dim, ColumnBlocks>;
  static constexpr int max_waves = shape::max_waves;

  static PARAGON_DEVICE void run(const arguments& a, std::byte* shared) {
    plan::share rest = plan::share_of(units(a), platform::workgroups(), platform::workgroup());
    while (rest.begin < rest.end) {
      const plan::segment s = next_segment(platform::refetch(a), rest);
      rest.begin += s.tiles;
      decode_segment(a, s, shared);
    }
  }

 private:
  using lanes = typename shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;
  using item_type = item_view<Traits, shape>;
  using state_type = running_state<shape>;

  static PARAGON_DEVICE std::int64_t units(const arguments& a) { return a.scratch.unit_indptr[a.batch.requests.count]; }
  static PARAGON_DEVICE plan::segment next_segment(const arguments& a, const plan::share& rest) {
    const auto extent_of = [&](int r) { return a.batch.extent(a.batch.lengths(r)); };
    return plan::first_segment(a.scratch.unit_indptr, a.batch.requests.count, a.batch.kv_heads, rest, extent_of);
  }

  static PARAGON_DEVICE void decode_segment(const arguments& a, const plan::segment& s, std::byte* shared) {
    const wave_role role{a.grid, wave::index()};
    state_type state;
    attend(item_type{platform::refetch(a), s, role.column}, s, role, shared, state);
    combine_waves(state, a.grid, role, shared);
    if (!s.covers_item() && !join(platform::refetch(a), s, role, shared, state)) return;
    if (role.token == 0)
      epilogue<Traits, shape>::write(item_type{platform::refetch(a), s, role.column}, state, role.slice);
  }

  /// Hands over the state of a part of an item; true in the workgroup that now has the whole.
  static PARAGON_DEVICE bool join(const arguments& a, const plan::segment& s, const wave_role& role, std::byte* shared,
                                  state_type& state) {
    return partial_states<shape>{a.scratch, a.grid, role, units(a), s}.join(state, shared);
  }

  /// Attention over the wave's part of a segment's tokens.
  static PARAGON_DEVICE void attend(const item_type& item, const plan::segment& s, const wave_role& role,
                                    std::byte* shared, state_type& state) {
    query_tile<Traits, shape> query;
    load_query(item, role, shared, query);
    online_softmax<Traits, shape> softmax;
    softmax.begin(item, query);
    state.clear();

    const int tile_tokens = item.arguments().batch.tile_tokens;
    const int first_tile = item.lengths.first_token / tile_tokens + s.first_tile;
    const int segment_end = (first_tile + s.tiles) * tile_tokens;
    const int end = segment_end < item.lengths.tokens ? segment_end : item.lengths.tokens;
    int token = first_tile * tile_tokens + role.token * shape::wave_tokens;

    if (token >= end) return;  // this wave has no part in the segment
    key_value_tile<Traits, shape> tile;
    tile.load(item, token, role.slice);
    for (;; token += tile_tokens) {
      const bool more = token + tile_tokens < end;
      key_value_tile<Traits, shape> next;
      if (shape::resident && more) next.load(item, token + tile_tokens, role.slice);
      typename online_softmax<Traits, shape>::scores_type scores{};
      tile.score(item, token, query, scores);
      softmax.absorb(item, token, scores, state);
      accumulate(tile, scores, state);
      if (!more) break;
      if (shape::resident)
        tile = next;
      else
        tile.load(item, token + tile_tokens, role.slice);
    }
    fold_sums(state);
  }

  static PARAGON_DEVICE void load_query(const item_type& item, const wave_role& role, std::byte* shared,
                                        query_tile<Traits, shape>& query) {
    std::byte* operands = shared + shape::flag_bytes + role.column * shape::query_bytes;
    if constexpr (!shape::resident) platform::barrier();  // the last segment's states have been read
    query.load(item, operands, role.token == 0 && role.slice == 0);
    if constexpr (!shape::resident) platform::barrier();
  }

  static PARAGON_DEVICE void accumulate(const key_value_tile<Traits, shape>& tile,
                                        const typename online_softmax<Traits, shape>::scores_type& probabilities,
                                        state_type& state) {
    PARAGON_UNROLL
    for (int sub = 0; sub < shape::sub_tiles; ++sub) {
      mma::b_fragment<lanes> operand[shape::column_blocks];
      PARAGON_UNROLL
      for (int cb = 0; cb < shape::column_blocks; ++cb) operand[cb] = shape::atom::transpose(probabilities[sub][cb]);
      tile.accumulate(sub, operand, state.output);
    }
  }

  /// Lanes have summed their own tokens; a column's sum is over all of them.
  static PARAGON_DEVICE void fold_sums(state_type& state) {
    PARAGON_UNROLL
    for (int cb = 0; cb < shape::column_blocks; ++cb) {
      PARAGON_UNROLL
      for (int slot = 0; slot < lanes::column_slots; ++slot)
        state.sum[cb][slot] = lanes::fold_column(state.sum[cb][slot], [](float x, float y) { return x + y; });
    }
  }
};

}  // namespace paragon
