#pragma once

#include <paragon/plan/split.hpp>

/// Who joins with whom: the parts of an item that is cut between workgroups form a tree that depends on their number
/// alone, so that sums are added in the same order in every run.
namespace paragon::plan {

/// Levels of the tree.
inline constexpr int tree_levels = 2;

/// The most parts that one workgroup joins, 2^`bits` of them side by side: one level costs less up to a dozen of them
/// one after the other.
PARAGON_HD constexpr int most_joined(int bits) { return bits < 2 ? 12 << bits : 32; }

/// Parts that join at a node of the tree over an item's parts: all of them if they are few, the square root of their
/// number otherwise.
PARAGON_HD constexpr int fan_in_of(int parts, int bits) {
  if (parts <= most_joined(bits)) return most_joined(bits);
  int root = 4;
  while (root * root < parts) ++root;
  return root;
}

/// A workgroup's place in the tree of an item: first, each `fan_in` neighbours join; then the first ones of them.
struct alignas(16) joining {
  std::int32_t begin;  ///< workgroups [begin, end) share the item
  std::int32_t end;
  std::int32_t node;  ///< the first of the neighbours with whom this workgroup joins
  std::int32_t fan_in;

  PARAGON_HD constexpr int parts() const { return end - begin; }
  bool operator==(const joining&) const = default;
};

/// The place of `workgroup`, which has the segment, where `sharing` of them share `units` units.
PARAGON_HD constexpr joining joining_of(std::int64_t units, int sharing, const segment& s, int workgroup, int bits) {
  const int begin = owner_of(units, sharing, s.item_begin);
  const int end = owner_of(units, sharing, s.item_begin + s.item_tiles - 1) + 1;
  const int fan_in = fan_in_of(end - begin, bits);
  return {begin, end, workgroup - (workgroup - begin) % fan_in, fan_in};
}

}  // namespace paragon::plan
