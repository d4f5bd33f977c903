#pragma once

#include <limits>
#include <paragon/plan/joining.hpp>

/// How many of the workgroups share a batch: it may be best that some stay idle.
namespace paragon::plan {

/// What it costs a kernel to join parts.
struct joining_costs {
  int at_once_bits;  ///< a workgroup merges 2^bits partial states side by side: GPUs have no instruction that divides
  int level_time;    ///< of a second level of the tree, in quarters of the time of a tile
};

PARAGON_HD constexpr int quotient_up(int a, int b) { return (a + b - 1) / b; }

/// The time that joining an item's parts takes, in quarters of the time of a tile: three for every one that a workgroup
/// merges after another. Fitted, as `level_time` is, to what calls with given numbers of parts took on an H100
/// (docs/performance.md).
PARAGON_HD constexpr int joining_time(int parts, const joining_costs& costs) {
  if (parts == 1) return 0;
  const int fan_in = fan_in_of(parts, costs.at_once_bits);
  const auto one_after_another = [&](int members) {
    return (members + (1 << costs.at_once_bits) - 1) >> costs.at_once_bits;
  };
  if (parts <= fan_in) return 3 * one_after_another(parts);
  return tree_levels * 3 * one_after_another(fan_in) + costs.level_time;
}

/// How many tiles the longest part of an item of `tiles` tiles has if attending to it and joining all parts takes the
/// least time: the `least` that it can have, or twice, four times, ... that.
/// Preconditions: all are positive.
PARAGON_HD constexpr int part_worthwhile(int tiles, int least, const joining_costs& costs) {
  int result = least, fastest = std::numeric_limits<int>::max();
  int parts = quotient_up(tiles, least);  // of `part` tiles: halved, rounded up, it stays their quotient
  for (int part = least; 4 * part < fastest; part *= 2, parts = (parts + 1) / 2) {
    const int time = 4 * part + joining_time(parts, costs);
    if (time < fastest) {
      result = part;
      fastest = time;
    }
  }
  return result;
}

/// How many of `workgroups` share a batch of equal items: so many that shares end where items do, if that leaves at
/// most an eighth of them idle or more parts are not worthwhile. An item that is not cut needs no joining, and a share
/// inside one item starts only once. Preconditions: all are positive, and workgroups no more than items * tiles.
PARAGON_HD constexpr int sharing_equal(std::int64_t items, int tiles, int workgroups, const joining_costs& costs) {
  std::int64_t whole = 0;
  if (items <= workgroups) {
    const int each = static_cast<int>(quotient(workgroups, items)), most = each < tiles ? each : tiles;
    const int parts = quotient_up(tiles, part_worthwhile(tiles, quotient_up(tiles, most), costs));
    whole = items * parts;
    if (parts < most) return static_cast<int>(whole);
  } else {
    const std::int64_t each = quotient(items + workgroups - 1, workgroups);
    if (quotient(items, each) * each == items) whole = quotient(items, each);
  }
  return whole * 8 >= std::int64_t{workgroups} * 7 ? static_cast<int>(whole) : workgroups;
}

/// How many of `workgroups` share a batch of items that have `units` units in all, and `tiles` tiles in the mean: all,
/// unless items are cut and longer shares are worthwhile. Preconditions: all are positive, and workgroups no more than
/// units.
PARAGON_HD constexpr int sharing_unequal(std::int64_t units, int tiles, int workgroups, const joining_costs& costs) {
  if (units >= std::int64_t{workgroups} * tiles) return workgroups;
  const int least = static_cast<int>(quotient(units + workgroups - 1, workgroups));
  const int part = part_worthwhile(tiles, least, costs);
  return part == least ? workgroups : static_cast<int>(quotient(units + part - 1, part));
}

}  // namespace paragon::plan
