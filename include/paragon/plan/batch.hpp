#pragma once

#include <cstdint>
#include <paragon/plan/sharing.hpp>
#include <paragon/view/requests.hpp>

namespace paragon::plan {

/// What a request looks like to one decode step, read from the tables and forced into what any table could mean:
/// whatever the tables hold, 0 <= first_token <= tokens, 0 <= query_count <= per_request.
struct request_lengths {
  std::int32_t tokens;       ///< KV tokens
  std::int32_t first_token;  ///< no query token of the request sees an earlier one (sliding window)
  std::int32_t query_begin;  ///< row of its first query token
  std::int32_t query_count;
  std::int32_t first_page;  ///< in kv_indices

  bool operator==(const request_lengths&) const = default;
};

/// Where a workgroup starts, with all that it needs to find its first tokens' pages: what a launch waits for before it
/// can load anything else comes in one trip to memory. And with whom it joins, which takes divisions to find out.
struct alignas(16) start {
  share units;              ///< none past the last workgroup that shares: then the rest has no meaning
  segment first;            ///< of the share
  request_lengths lengths;  ///< of its request
  std::int32_t lead;        ///< of items (split.hpp)
  joining items[2];         ///< the one that the share starts inside of, the one that it ends inside of

  bool operator==(const start&) const = default;
};

/// Longer requests are cut: positions and the ends of tiles stay within 32 bits.
inline constexpr std::int32_t max_tokens = 1 << 30;

/// The tables of a batch with what the split depends on; the same value is given to planner and kernel.
struct batch {
  ragged_requests requests;
  query_tokens queries;
  int page_size;
  int window;  ///< tokens a query token sees, itself included, at most max_tokens; 0: all
  int group_size;
  int head_groups;  ///< of heads_per_pass KV heads each
  int tile_bits;    ///< tiles have 2^tile_bits tokens
  int rows_per_pass;
  int heads_per_pass;
  joining_costs costs;

  PARAGON_HD request_lengths lengths(int r) const {
    const std::int64_t pages = std::int64_t{requests.kv_indptr[r + 1]} - requests.kv_indptr[r];
    const std::int32_t last = page_size == 1 ? 1 : clamp(requests.kv_last_page_len[r], 1, page_size);
    const std::int64_t tokens = pages <= 0 ? 0 : (pages - 1) * page_size + last;
    request_lengths result{};
    result.tokens = clamp(tokens, 0, max_tokens);
    result.query_begin = queries.indptr != nullptr ? queries.indptr[r] : r * queries.per_request;
    result.query_count = queries.indptr != nullptr
                             ? clamp(std::int64_t{queries.indptr[r + 1]} - result.query_begin, 0, queries.per_request)
                             : queries.per_request;
    const std::int64_t first_seen = std::int64_t{result.tokens} - result.query_count - window + 1;
    result.first_token = window > 0 ? clamp(first_seen, 0, result.tokens) : 0;
    result.first_page = requests.kv_indptr[r];
    return result;
  }

  PARAGON_HD int kv_heads() const { return head_groups * heads_per_pass; }
  PARAGON_HD int tile_tokens() const { return 1 << tile_bits; }

  /// Tiles start at multiples of their length, so that aligned runs of tokens share a page. An empty request still has
  /// one tile: its outputs are written where everyone else's are.
  PARAGON_HD request_extent extent(const request_lengths& lengths) const {
    const int first = lengths.first_token >> tile_bits;
    const int end = (lengths.tokens + tile_tokens() - 1) >> tile_bits;
    const std::int64_t rows = std::int64_t{lengths.query_count} * group_size;
    return {end > first ? end - first : 1, static_cast<int>(quotient(rows + rows_per_pass - 1, rows_per_pass))};
  }

  /// The lead of items: as many tiles as take the time of an item's start and end (docs/performance.md). Requests that
  /// are all alike have none, as their shares are.
  PARAGON_HD int lead(bool alike) const { return alike ? 0 : 2; }

  /// How many of `workgroups` share `units` units: nobody goes without one. `alike`: all requests have as many units as
  /// the first.
  PARAGON_HD int sharing(std::int64_t units, bool alike, int workgroups) const {
    const int most = units >= workgroups ? workgroups : units > 1 ? static_cast<int>(units) : 1;
    const request_extent size = extent(lengths(0));
    const std::int64_t items = std::int64_t{requests.count} * size.row_blocks * head_groups;
    if (items == 0 || units == 0) return most;
    if (alike) return sharing_equal(items, size.tiles, most, costs);
    const std::int32_t tiles = clamp(quotient(units, items) - lead(false), 1, max_tokens >> tile_bits);
    return sharing_unequal(units, tiles, most, costs);
  }

  /// The segment that starts at `rest.begin`, which lies in `request` or a later one. `lengths_of(r)` is `lengths(r)`,
  /// or what the planner left of it.
  template <class LengthsOf>
  PARAGON_HD segment next_segment(const std::int64_t* unit_indptr, int lead, int request, const share& rest,
                                  const LengthsOf& lengths_of) const {
    return first_segment(unit_indptr, request, {head_groups, lead}, rest, [&](int r) { return extent(lengths_of(r)); });
  }

  /// The start of a workgroup; `sharing` of them share the units.
  PARAGON_HD start start_of(const std::int64_t* unit_indptr, int lead, int sharing, int workgroup) const {
    const std::int64_t all_units = unit_indptr[requests.count];
    const auto lengths_of = [&](int r) { return lengths(r); };
    start result{};
    if (workgroup >= sharing) return result;
    result.units = to_last_tile(unit_indptr, requests.count, lead, share_of(all_units, sharing, workgroup),
                                [&](int r) { return extent(lengths(r)); });
    if (result.units.begin == result.units.end) return result;
    const int request = request_of(unit_indptr, requests.count, result.units.begin);
    result.first = next_segment(unit_indptr, lead, request, result.units, lengths_of);
    result.lengths = lengths(result.first.request);
    result.lead = lead;
    result.items[0] = result.items[1] = joining_of(all_units, sharing, result.first, workgroup, costs.at_once_bits);
    const std::int64_t last = result.units.end - 1;
    if (last >= result.units.begin + result.first.units) {
      const segment ends =
          next_segment(unit_indptr, lead, request_of(unit_indptr, requests.count, last), {last, last + 1}, lengths_of);
      result.items[1] = joining_of(all_units, sharing, ends, workgroup, costs.at_once_bits);
    }
    return result;
  }

  /// Units of a request: the summand of the plan's prefix sum.
  PARAGON_HD std::int64_t units(const request_lengths& lengths, int lead) const {
    const request_extent size = extent(lengths);
    return std::int64_t{lead + size.tiles} * size.row_blocks * head_groups;
  }

 private:
  static PARAGON_HD std::int32_t clamp(std::int64_t v, std::int32_t low, std::int32_t high) {
    return v < low ? low : v > high ? high : static_cast<std::int32_t>(v);
  }
};

}  // namespace paragon::plan
