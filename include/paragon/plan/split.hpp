#pragma once

#include <cstdint>
#include <paragon/platform/macros.hpp>

/// Who does what: the flattened range of work units is cut into equal contiguous shares, one per workgroup.
///
/// A unit is one tile of tokens of one item; an item is a (request, KV head, row block). Units are ordered by request,
/// KV head, row block, tile. All functions are pure and run on host and device: the kernel and the tests see one plan.
namespace paragon::plan {

/// Units [begin, end).
struct share {
  std::int64_t begin;
  std::int64_t end;
};

/// The share of a workgroup. Shares cover [0, units) in the order of the workgroups, and differ by at most one unit.
/// Preconditions: units >= 0, 0 <= workgroup < workgroups.
PARAGON_HD constexpr share share_of(std::int64_t units, int workgroups, int workgroup) {
  const std::int64_t base = units / workgroups, extra = units % workgroups;
  const std::int64_t begin = workgroup * base + (workgroup < extra ? workgroup : extra);
  return {begin, begin + base + (workgroup < extra ? 1 : 0)};
}

/// The workgroup whose share holds the unit: the inverse of `share_of`. Precondition: 0 <= unit < units.
PARAGON_HD constexpr int owner_of(std::int64_t units, int workgroups, std::int64_t unit) {
  const std::int64_t base = units / workgroups, extra = units % workgroups;
  const std::int64_t longer = extra * (base + 1);  // units in the shares that are one longer
  return static_cast<int>(unit < longer ? unit / (base + 1) : extra + (unit - longer) / base);
}

/// A run of units of one item inside one share.
struct segment {
  int request;
  int kv_head;
  int row_block;
  int first_tile;  ///< in the item, counted from its own first tile
  int tiles;
  int item_tiles;
  std::int64_t item_begin;  ///< the item's first unit

  PARAGON_HD constexpr bool covers_item() const { return tiles == item_tiles; }
};

/// The number of tiles and row blocks of a request; a request has tiles * row_blocks * kv_heads units.
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

/// The segment that starts at `rest.begin` of a share's rest. `extent_of(request)` gives a request_extent; it is asked
/// for requests that have units only. Precondition: rest is not empty.
template <class ExtentOf>
PARAGON_HD constexpr segment first_segment(const std::int64_t* unit_indptr, int requests, int kv_heads, share rest,
                                           const ExtentOf& extent_of) {
  const int request = request_of(unit_indptr, requests, rest.begin);
  const request_extent extent = extent_of(request);
  const std::int64_t inside = rest.begin - unit_indptr[request];
  const std::int64_t item = inside / extent.tiles, available = rest.end - rest.begin;
  // A request without row blocks has units only if its table changed after the plan was made.
  const int blocks = extent.row_blocks > 0 ? extent.row_blocks : 1;
  const int first_tile = static_cast<int>(inside % extent.tiles), left = extent.tiles - first_tile;
  return {.request = request,
          .kv_head = static_cast<int>(item / blocks % kv_heads),
          .row_block = static_cast<int>(item % blocks),
          .first_tile = first_tile,
          .tiles = left < available ? left : static_cast<int>(available),
          .item_tiles = extent.tiles,
          .item_begin = rest.begin - first_tile};
}

}  // namespace paragon::plan
