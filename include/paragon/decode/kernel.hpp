#pragma once

#include <paragon/decode/combine.hpp>
#include <paragon/decode/epilogue.hpp>
#include <paragon/decode/key_value_tile.hpp>
#include <paragon/decode/rolling_tile.hpp>
#include <paragon/decode/softmax.hpp>
#include <paragon/decode/staged_tile.hpp>

namespace paragon {

/// The decode kernel. Every workgroup works through its share of the plan, segment by segment; every wave reads its
/// part of the tiles of a segment once, straight into matrix operands.
template <class Traits, class Target, int ColumnBlocks> struct decode_kernel {
  using arguments = kernel_arguments<Traits>;
  using target = Target;
  using kv = typename Traits::kv;
  static constexpr bool plain = !Traits::variant::maps_logits && !Traits::descale::by_token;
  using shape = tile_shape<Target, typename Traits::template fragment<Target>, kv, Traits::head_dim, Traits::value_dim,
                           ColumnBlocks, plain>;
  static constexpr int max_waves = shape::max_waves;
  static constexpr int resident_waves = shape::resident_waves;

  static PARAGON_DEVICE void run(const arguments& a, std::byte* shared) {
    platform::prefetch_arguments(a);
    const plan::start start = platform::uniform(platform::load_object(&my_start(a)));
    if (start.units.begin == start.units.end) return;
    if (partial_states<shape>::first_lane()) {
      notes(shared).items[0] = start.items[0];
      notes(shared).items[1] = start.items[1];
    }
    if constexpr (shape::path == tile_path::shared)
      run_staged(a, start, shared);
    else
      run_loaded(a, start, shared);
  }

 private:
  using lanes = typename shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;
  using item_type = item_view<Traits, shape>;
  using state_type = running_state<shape>;
  using softmax_type = online_softmax<Traits, shape>;

  /// The partial states of the item at an end of the share, whose tree the first lane notes when the kernel starts.
  static PARAGON_DEVICE partial_states<shape> parts(const arguments& a, const wave_role& role, std::byte* shared,
                                                    int end) {
    return {a.scratch, a.grid, role, notes(shared), end};
  }
  static PARAGON_DEVICE workgroup_notes& notes(std::byte* shared) {
    static_assert(sizeof(workgroup_notes) <= shape::notes_bytes);
    return *reinterpret_cast<workgroup_notes*>(shared);
  }

  static PARAGON_DEVICE wave_role my_role(const arguments& a) { return shape::role(a.grid, wave::index()); }
  static PARAGON_DEVICE const plan::start& my_start(const arguments& a) {
    return a.scratch.starts[platform::workgroup()];
  }
  static PARAGON_DEVICE plan::segment next_segment(const arguments& a, int request, const plan::share& rest) {
    return platform::uniform(a.batch.next_segment(a.scratch.unit_indptr, my_start(a).lead, request, rest,
                                                  [&](int r) { return a.scratch.lengths[r]; }));
  }
  static PARAGON_DEVICE plan::request_lengths lengths_of(const arguments& a, const plan::segment& s) {
    return platform::uniform(a.scratch.lengths[s.request]);
  }

  /// Nothing is kept across a segment that can be had again: on AMD these values fill scalar registers.
  static PARAGON_DEVICE void run_loaded(const arguments& a, const plan::start& start, std::byte* shared) {
    int segments = 1;
    plan::share rest = start.units;
    plan::segment s = start.first;
    plan::request_lengths lengths = start.lengths;
    for (;; ++segments) {
      rest.begin += s.units;
      const bool more = rest.begin < rest.end;
      state_type state;
      attend_loaded(platform::refetch(a), s, lengths, shared, state);
      finish(platform::refetch(a), s, more ? 0 : 1, shared, state);
      if (!more) break;
      s = next_segment(platform::refetch(a), s.request, rest);
      lengths = lengths_of(platform::refetch(a), s);
    }
    join(platform::refetch(a), s, segments == 1, shared);
  }

  /// A segment's first tile is under way while the segment before it is finished.
  static PARAGON_DEVICE void run_staged(const arguments& a, const plan::start& start, std::byte* shared) {
    const wave_role role = my_role(a);
    plan::share rest = start.units;
    plan::segment s = start.first;
    plan::request_lengths lengths = start.lengths;
    staged_tile<Traits, shape> tile{shared + shape::ring_offset(a.grid) + wave::index() * shape::staged_bytes};
    query_tile<Traits, shape> query;
    begin_staged(item_type{a, s, role, lengths}, s, role, query, tile);
    int segments = 1;
    for (;; ++segments) {
      state_type state;
      attend_staged(item_type{a, s, role, lengths}, s, role, query, tile, state);
      rest.begin += s.units;
      const bool more = rest.begin < rest.end;
      plan::segment next = s;
      if (more) {
        next = next_segment(a, s.request, rest);
        lengths = lengths_of(a, next);
        begin_staged(item_type{a, next, role, lengths}, next, role, query, tile);
      }
      finish(a, s, more ? 0 : 1, shared, state);
      if (!more) break;
      s = next;
    }
    join(a, s, segments == 1, shared);
  }

  /// Writes an item, or hands over the workgroup's part of one that is cut: only the item that the share starts inside
  /// of (end 0) and the one that it ends inside of (end 1) can be.
  static PARAGON_DEVICE void finish(const arguments& a, const plan::segment& s, int end, std::byte* shared,
                                    state_type& state) {
    const wave_role role = my_role(a);
    const bool enlists = !s.covers_item() && partial_states<shape>::first_lane();
    std::uint32_t ticket = 0;
    if (enlists) ticket = parts(a, role, shared, end).enlist();  // comes while waves combine
    combine_waves(state, a.grid, role, shared);
    if (s.covers_item()) {
      write(a, s, role, state);
      return;
    }
    if (enlists) parts(a, role, shared, end).note(ticket);
    platform::barrier();
    parts(a, role, shared, end).hand_over(state);
  }

  /// Finishes the items of which this workgroup has the last ticket. `last` is the share's last segment, `only` whether
  /// it is the first one, too.
  static PARAGON_DEVICE void join(const arguments& a, const plan::segment& last, bool only, std::byte* shared) {
    PARAGON_UNROLL_BY(1)
    for (int end = only ? 1 : 0; end < 2; ++end) {
      plan::segment s = last;
      if (end == 0) s = my_start(platform::refetch(a)).first;
      if (s.covers_item()) continue;
      const wave_role role = my_role(platform::refetch(a));
      state_type state;
      if (parts(platform::refetch(a), role, shared, end).join(state, shared))
        write(platform::refetch(a), s, role, state);
    }
  }

  static PARAGON_DEVICE void write(const arguments& a, const plan::segment& s, const wave_role& role,
                                   state_type& state) {
    if (role.token == 0) epilogue<Traits, shape>::write(item_type{a, s, role}, state, role.slice);
  }

  /// A wave's tokens of a segment: tiles of wave_tokens, every `step` tokens.
  struct tokens {
    int begin;
    int end;
    int step;

    PARAGON_DEVICE tokens(const item_type& item, const plan::segment& s, const wave_role& role)
        : step{item.arguments().batch.tile_tokens()} {
      const int first_tile = (item.lengths.first_token >> item.arguments().batch.tile_bits) + s.first_tile;
      const int segment_end = (first_tile + s.tiles) * step;
      begin = platform::uniform(first_tile * step + role.token * shape::wave_tokens);
      end = platform::uniform(segment_end < item.lengths.tokens ? segment_end : item.lengths.tokens);
    }
    PARAGON_DEVICE bool empty() const { return begin >= end; }  ///< then the wave has no part in the segment
  };

  /// Requests what the wave needs first of a segment. The query before keys and values: behind those of all other waves
  /// it would arrive last.
  static PARAGON_DEVICE void begin_staged(const item_type& item, const plan::segment& s, const wave_role& role,
                                          query_tile<Traits, shape>& query, staged_tile<Traits, shape>& tile) {
    const tokens part{item, s, role};
    if (part.empty()) return;
    tile.look_up(item, part.begin);
    query.fetch(item);
    tile.request(item);
    tile.look_up(item, part.begin + part.step);
  }

  /// Attention over the wave's part of a segment that has begun.
  static PARAGON_DEVICE void attend_staged(const item_type& item, const plan::segment& s, const wave_role& role,
                                           query_tile<Traits, shape>& query, staged_tile<Traits, shape>& tile,
                                           state_type& state) {
    const tokens part{item, s, role};
    state.clear();
    if (part.empty()) return;
    query.set();
    softmax_type softmax;
    softmax.begin(item, query);
    for (int token = part.begin;;) {
      tile.receive();
      const bool more = token + part.step < part.end;
      if (more) {
        tile.request(item);
        tile.look_up(item, token + 2 * part.step);
      }
      multiply(tile, item, token, query, softmax, state);
      if (!more) break;
      token += part.step;
    }
    fold_sums(state);
  }

  /// The same by tiles that are loaded into registers.
  static PARAGON_DEVICE void attend_loaded(const arguments& a, const plan::segment& s,
                                           const plan::request_lengths& lengths, std::byte* shared, state_type& state) {
    const wave_role role = my_role(a);
    const item_type item{a, s, role, lengths};
    const tokens part{item, s, role};
    query_tile<Traits, shape> query;
    state.clear();
    if constexpr (shape::path == tile_path::rolling) {
      if constexpr (!shape::query_in_registers) load_query(item, role, shared, query);
      if (part.empty()) return;
      roll(item, part, role.slice, query, state);
    } else {
      load_query(item, role, shared, query);
      if (part.empty()) return;
      load_and_multiply(item, part, role.slice, query, state);
    }
    fold_sums(state);
  }

  static PARAGON_DEVICE void load_and_multiply(const item_type& item, const tokens& part, int slice,
                                               const query_tile<Traits, shape>& query, state_type& state) {
    constexpr bool ahead = shape::path == tile_path::registers;
    softmax_type softmax;
    softmax.begin(item, query);
    int token = part.begin;
    key_value_tile<Traits, shape> tile;
    if constexpr (ahead) tile.load(item, token, slice);
    for (;; token += part.step) {
      const bool more = token + part.step < part.end;
      key_value_tile<Traits, shape> next;
      if constexpr (!ahead) tile.load(item, token, slice);
      if (ahead && more) next.load(item, token + part.step, slice);
      multiply(tile, item, token, query, softmax, state);
      if (!more) break;
      if constexpr (ahead) tile = next;
    }
  }

  /// The last tile asks for another one like any, which the loads' clamp keeps inside the cache: were that under a
  /// condition, the loads under way could not be counted.
  static PARAGON_DEVICE void roll(const item_type& item, const tokens& part, int slice,
                                  query_tile<Traits, shape>& query, state_type& state) {
    rolling_tile<Traits, shape> tile{item, slice};
    int token = part.begin;
    tile.look_up_keys(item, token);
    tile.look_up_values(item, token);
    if constexpr (shape::query_in_registers) query.fetch(item);  // comes while the page table does
    if constexpr (shape::query_in_registers && !shape::query_beside_keys) query.set();
    tile.request_keys(item, token + part.step);
    platform::schedule_barrier();
    if constexpr (shape::query_beside_keys) query.set();
    softmax_type softmax;
    softmax.begin(item, query);
    do {
      tile.request_values(item, token + part.step, slice);
      platform::schedule_barrier();  // behind the next keys they would be waited for with them
      typename softmax_type::scores_type scores{};
      tile.score(query, scores);
      tile.request_keys(item, token + 2 * part.step);
      softmax.absorb(item, token, scores, state);
      accumulate(tile, scores, state);
      token += part.step;
    } while (token < part.end);
  }

  template <class Tile>
  static PARAGON_DEVICE void multiply(const Tile& tile, const item_type& item, int token,
                                      const query_tile<Traits, shape>& query, const softmax_type& softmax,
                                      state_type& state) {
    typename softmax_type::scores_type scores{};
    tile.score(item, token, query, scores);
    softmax.absorb(item, token, scores, state);
    accumulate(tile, scores, state);
  }

  static PARAGON_DEVICE void load_query(const item_type& item, [[maybe_unused]] const wave_role& role,
                                        [[maybe_unused]] std::byte* shared, query_tile<Traits, shape>& query) {
    if constexpr (shape::query_in_registers) {
      query.fetch(item);
      query.set();
    } else {
      platform::barrier();  // the last segment's states have been read
      query.load(item, shared + shape::notes_bytes + role.column * shape::query_bytes,
                 role.token == 0 && role.slice == 0);
      platform::barrier();
    }
  }

  template <class Tile>
  static PARAGON_DEVICE void accumulate(const Tile& tile, const typename softmax_type::scores_type& probabilities,
                                        state_type& state) {
    PARAGON_UNROLL
    for (int part = 0; part < shape::operand_tiles; ++part) {
      mma::b_fragment<lanes> operand[shape::column_blocks];
      PARAGON_UNROLL
      for (int cb = 0; cb < shape::column_blocks; ++cb) {
        if constexpr (lanes::score_tiles == 2)
          operand[cb] = shape::atom::transpose(probabilities[2 * part][cb], probabilities[2 * part + 1][cb]);
        else
          operand[cb] = shape::atom::transpose(probabilities[part][cb]);
        if constexpr (softmax_type::sums_products) add_products(operand[cb], state.sum[cb][0][1]);
      }
      tile.accumulate(part, operand, state.output);
    }
  }

  /// Adds the probabilities as they are multiplied, all tokens of a column at once.
  static PARAGON_DEVICE void add_products(const mma::b_fragment<lanes>& probabilities, float& sum) {
    constexpr std::uint32_t four_ones = kv{1.0f}.bits * 0x01010101u;
    mma::a_fragment<lanes> ones;
    PARAGON_UNROLL
    for (std::uint32_t& word : ones.word) word = four_ones;
    mma::sum_fragment<lanes> sums{};
    shape::atom::multiply(sums, ones, probabilities);
    sum += sums.value[0];
  }

  /// Lanes have summed their own tokens, and one term of all tokens; a column's sums are over all of both.
  static PARAGON_DEVICE void fold_sums(state_type& state) {
    PARAGON_UNROLL
    for (int cb = 0; cb < shape::column_blocks; ++cb) {
      PARAGON_UNROLL
      for (int slot = 0; slot < lanes::column_slots; ++slot) {
        auto& sum = state.sum[cb][slot];
        sum[0] = lanes::fold_column(sum[0], [](float x, float y) { return x + y; });
        if constexpr (softmax_type::sums_products)
          sum[1] = shape::atom::terms_type::join(sum[1] * shape::atom::terms_type::weight());
      }
    }
  }
};

}  // namespace paragon
