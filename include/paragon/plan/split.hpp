#pragma once

#include <cstdint>
#include <paragon/platform/macros.hpp>

/// Who does what: the flattened range of work units is cut into equal contiguous shares, one per workgroup.
///
/// A unit is one tile of tokens of one item; an item is a (request, group of KV heads, row block). Units are ordered by
/// request, head group, row block, tile. In a batch of unequal requests, `lead` units come before an item's tiles that
/// nobody works on: they stand for what starting and finishing an item costs whoever does it inside of its share. All
/// functions are pure and run on host and device: the kernel and the tests see one plan.
namespace paragon::plan {

/// a / b. In 32 bits where both fit, as they nearly always do: GPUs have no instruction that divides, and the
/// compiler's 64-bit routine takes more than a hundred cycles, that for 32 bits dozens. Preconditions: a >= 0, b > 0.
PARAGON_HD constexpr std::int64_t quotient(std::int64_t a, std::int64_t b) {
  if (a < b) return 0;
  if (b == 1) return a;
  if (((a | b) >> 32) == 0) return static_cast<std::uint32_t>(a) / static_cast<std::uint32_t>(b);
  return a / b;
}

/// Units [begin, end).
struct share {
  std::int64_t begin;
  std::int64_t end;

  bool operator==(const share&) const = default;
};

/// The share of a workgroup. Shares cover [0, units) in the order of the workgroups, and differ by at most one unit;
/// where the units divide evenly among `workgroups` / n groups of n workgroups, so do the shares.
/// Preconditions: 0 <= workgroup < workgroups, 0 <= units, units * workgroups < 2^63.
PARAGON_HD constexpr share share_of(std::int64_t units, int workgroups, int workgroup) {
  return {quotient(units * workgroup, workgroups), quotient(units * (workgroup + 1), workgroups)};
}

/// The workgroup whose share holds the unit: the inverse of `share_of`. Precondition: 0 <= unit < units.
PARAGON_HD constexpr int owner_of(std::int64_t units, int workgroups, std::int64_t unit) {
  return static_cast<int>(quotient((unit + 1) * workgroups - 1, units));
}

/// A run of units of one item inside one share.
struct segment {
  int request;
  int head_group;  ///< KV heads that a workgroup takes at once
  int row_block;
  int first_tile;  ///< in the item, counted from its own first tile
  int tiles;
  int item_tiles;
  int units;                ///< tiles, and the lead where it is in the share
  std::int64_t item_begin;  ///< the item's first tile

  PARAGON_HD constexpr bool covers_item() const { return tiles == item_tiles; }
  bool operator==(const segment&) const = default;
};

/// The number of tiles and row blocks of a request, which has (lead + tiles) * row_blocks * head_groups units.
struct request_extent {
  int tiles;
  int row_blocks;
};

/// Finds the request of a unit: the last r with unit_indptr[r] <= unit. `unit_indptr` is the exclusive prefix sum of
/// the units per request, [requests + 1].
PARAGON_HD constexpr int request_of(const std::int64_t* unit_indptr, int requests, std::int64_t unit) {
  int low = 0, high = requests;
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    (unit_indptr[middle] <= unit ? low : high) = middle;
  }
  return low;
}

/// How items lie in the range of units.
struct item_layout {
  int head_groups;
  int lead;
};

/// An item and a place inside of it.
struct place {
  std::int64_t item;  ///< number among the request's
  int unit;           ///< from 0: the lead, then the tiles
};
PARAGON_HD constexpr place place_of(std::int64_t inside_request, int item_units) {
  const std::int64_t item = quotient(inside_request, item_units);
  return {item, static_cast<int>(inside_request - item * item_units)};
}

/// A share without the part of a lead that it would end with: nothing comes after its last tile, and it is empty if it
/// has none. `extent_of(request)` gives a request_extent.
template <class ExtentOf>
PARAGON_HD constexpr share to_last_tile(const std::int64_t* unit_indptr, int requests, int lead, share units,
                                        const ExtentOf& extent_of) {
  if (lead == 0 || units.end == unit_indptr[requests]) return units;
  const int r = request_of(unit_indptr, requests, units.end);
  const int unit = place_of(units.end - unit_indptr[r], lead + extent_of(r).tiles).unit;
  if (unit <= lead) units.end -= unit;
  return {units.begin, units.end > units.begin ? units.end : units.begin};
}

/// The segment that starts at `rest.begin` of a share's rest, which lies in `request` or a later one.
/// Preconditions: rest ends with a tile (`to_last_tile`), unit_indptr[request] <= rest.begin.
template <class ExtentOf>
PARAGON_HD constexpr segment first_segment(const std::int64_t* unit_indptr, int request, item_layout layout, share rest,
                                           const ExtentOf& extent_of) {
  // The extent before it is known that it will be used, and after the sums, since it has branches: so all that is
  // loaded for a request comes in one trip to memory.
  std::int64_t begin = unit_indptr[request], end = unit_indptr[request + 1];
  request_extent extent = extent_of(request);
  while (end <= rest.begin) {
    begin = end;
    end = unit_indptr[++request + 1];
    extent = extent_of(request);
  }
  const std::int64_t available = rest.end - rest.begin;
  // A request without row blocks has units only if its table changed after the plan was made.
  const int blocks = extent.row_blocks > 0 ? extent.row_blocks : 1;
  const place at = place_of(rest.begin - begin, layout.lead + extent.tiles);
  const std::int64_t row = quotient(at.item, blocks);
  const int left = layout.lead + extent.tiles - at.unit, units = left < available ? left : static_cast<int>(available);
  const int first_tile = at.unit > layout.lead ? at.unit - layout.lead : 0;
  return {.request = request,
          .head_group = static_cast<int>(row - quotient(row, layout.head_groups) * layout.head_groups),
          .row_block = static_cast<int>(at.item - row * blocks),
          .first_tile = first_tile,
          .tiles = at.unit + units - layout.lead - first_tile,
          .item_tiles = extent.tiles,
          .units = units,
          .item_begin = rest.begin - at.unit + layout.lead};
}

}  // namespace paragon::plan
