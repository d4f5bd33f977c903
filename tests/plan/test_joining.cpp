#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <paragon/plan/joining.hpp>
#include <random>
#include <set>
#include <support/devices.hpp>

using namespace paragon;

namespace {

/// Workgroups [begin, end).
struct owners {
  int begin;
  int end;
};

/// Those whose shares hold a tile of the item: by looking at each of them.
owners find_owners(std::int64_t units, int sharing, const plan::segment& s) {
  owners result{sharing, 0};
  for (int w = 0; w < sharing; ++w) {
    const plan::share share = plan::share_of(units, sharing, w);
    if (share.begin >= s.item_begin + s.item_tiles || share.end <= s.item_begin) continue;
    result.begin = std::min(result.begin, w);
    result.end = w + 1;
  }
  return result;
}

void check_tree(std::int64_t units, int sharing, const plan::segment& s, int bits) {
  CAPTURE(units);
  CAPTURE(sharing);
  CAPTURE(s.item_begin);
  CAPTURE(s.item_tiles);
  CAPTURE(bits);
  const owners whole = find_owners(units, sharing, s);
  const int parts = whole.end - whole.begin, fan_in = plan::fan_in_of(parts, bits);
  std::set<int> nodes;
  for (int w = whole.begin; w < whole.end; ++w) {
    const plan::joining at = plan::joining_of(units, sharing, s, w, bits);
    REQUIRE((at.begin == whole.begin && at.end == whole.end && at.parts() == parts && at.fan_in == fan_in));
    REQUIRE((at.node <= w && w < at.node + fan_in && (at.node - whole.begin) % fan_in == 0));
    nodes.insert(at.node);
  }
  REQUIRE(static_cast<int>(nodes.size()) <= (parts <= fan_in ? 1 : fan_in));  // which join at the second level
}

}  // namespace

TEST_CASE("all workgroups that have tiles of an item, and no others, find themselves in one tree of two levels") {
  const std::uint32_t seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  const auto from_1_to = [&](std::int64_t most) {
    return 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most));
  };
  for (int round = 0; round < 2000; ++round) {
    const int sharing = static_cast<int>(from_1_to(round % 20 == 0 ? 2000 : 150));
    const std::int64_t units = sharing + from_1_to(round % 2 == 0 ? 100 : 100000);
    plan::segment s{};
    s.item_tiles = static_cast<int>(from_1_to(units));
    s.item_begin = from_1_to(units - s.item_tiles + 1) - 1;
    check_tree(units, sharing, s, static_cast<int>(random() % 4));
  }
}

TEST_CASE("few parts join at once, many at nodes of about the square root of their number") {
  static_assert(plan::tree_levels == 2);
  CHECK(plan::most_joined(0) == 12);
  CHECK(plan::most_joined(1) == 24);
  CHECK(plan::most_joined(2) == 32);
  CHECK(plan::most_joined(3) == 32);
  for (const int bits : {0, 1, 2})
    for (int parts = 1; parts <= 65536; ++parts) {
      CAPTURE(bits);
      CAPTURE(parts);
      const int fan_in = plan::fan_in_of(parts, bits), most = plan::most_joined(bits);
      REQUIRE(fan_in * fan_in >= parts);
      REQUIRE((parts <= most ? fan_in == most : fan_in <= std::ceil(std::sqrt(parts))));
    }
}
