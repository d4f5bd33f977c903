#pragma once

#include <limits>
#include <paragon/plan/joining.hpp>

/// How many of the workgroups share a batch whose items are equal: it may be best that some stay idle.
namespace paragon::plan {

/// What it costs a kernel to join parts.
struct joining_costs {
  int at_once;     ///< partial states that a workgroup merges side by side
  int level_time;  ///< of a second level of the tree, in quarters of the time of a tile
};

PARAGON_HD constexpr int quotient_up(int a, int b) { return (a + b - 1) / b; }

/// The time that joining an item's parts takes, in quarters of the time of a tile: three for every one that a workgroup
/// merges after another. Fitted, as `level_time` is, to what calls with given numbers of parts took on an H100
/// (docs/performance.md).
PARAGON_HD constexpr int joining_time(int parts, const joining_costs& costs) {
  if (parts == 1) return 0;
  const int fan_in = fan_in_of(parts, costs.at_once), nodes = quotient_up(parts, fan_in);
  if (nodes == 1) return 3 * quotient_up(parts, costs.at_once);
  return 3 * (quotient_up(fan_in, costs.at_once) + quotient_up(nodes, costs.at_once)) + costs.level_time;
}

/// Into how many parts, `most` at most, an item of `tiles` tiles is cut so that attending to the longest part and
/// joining all of them takes the least time: as few as have no longer ones, or as have ones of twice, four times, ...
/// the length. Preconditions: all are positive.
PARAGON_HD constexpr int parts_worthwhile(int tiles, int most, const joining_costs& costs) {
  int result = 1, least = std::numeric_limits<int>::max();
  for (int longest = quotient_up(tiles, most); 4 * longest < least; longest *= 2) {
    const int parts = quotient_up(tiles, longest), time = 4 * longest + joining_time(parts, costs);
    if (time < least) {
      result = parts;
      least = time;
    }
  }
  return result;
}

/// How many of `workgroups` share a batch of equal items: so many that shares end where items do, if that leaves at
/// most an eighth of them idle or more parts are not worthwhile. An item that is not cut needs no joining, and a share
/// inside one item starts only once. Preconditions: all are positive, and workgroups no more than items * tiles.
PARAGON_HD constexpr int sharing(std::int64_t items, int tiles, int workgroups, const joining_costs& costs) {
  std::int64_t whole = 0;
  if (items <= workgroups) {
    const int each = static_cast<int>(quotient(workgroups, items)), most = each < tiles ? each : tiles;
    const int parts = parts_worthwhile(tiles, most, costs);
    whole = items * parts;
    if (parts < most) return static_cast<int>(whole);
  } else {
    const std::int64_t each = quotient(items + workgroups - 1, workgroups);
    if (quotient(items, each) * each == items) whole = quotient(items, each);
  }
  return whole * 8 >= std::int64_t{workgroups} * 7 ? static_cast<int>(whole) : workgroups;
}

}  // namespace paragon::plan
