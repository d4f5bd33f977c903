#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <paragon/plan/sharing.hpp>

using namespace paragon;

namespace {

constexpr plan::joining_costs usual{.at_once_bits = 2, .level_time = 18}, by_eight{.at_once_bits = 3, .level_time = 18};

/// Of the longest of so many parts, and of joining them.
int time_of(int tiles, int parts, const plan::joining_costs& costs) {
  return 4 * plan::quotient_up(tiles, parts) + plan::joining_time(parts, costs);
}

}  // namespace

TEST_CASE("a batch of equal items is shared so that shares end where items do") {
  CHECK(plan::sharing_equal(32, 64, 264, usual) == 256);    // eight shares to an item
  CHECK(plan::sharing_equal(256, 64, 264, usual) == 256);   // an item each
  CHECK(plan::sharing_equal(1024, 16, 264, usual) == 256);  // four items each
  CHECK(plan::sharing_equal(264, 1, 264, usual) == 264);
  CHECK(plan::sharing_equal(150, 64, 264, usual) == 264);  // 150 would leave too many idle
  CHECK(plan::sharing_equal(265, 64, 264, usual) == 264);
  for (int items : {1, 8, 60, 128, 250, 512, 1000}) {
    CAPTURE(items);
    const int tiles = 40, workgroups = 256, sharing = plan::sharing_equal(items, tiles, workgroups, usual);
    const std::int64_t units = std::int64_t{items} * tiles;
    REQUIRE(sharing <= workgroups);
    if (sharing == workgroups && sharing % items != 0 && items % sharing != 0) continue;
    for (int w = 0; w < sharing; ++w) {
      const plan::share share = plan::share_of(units, sharing, w);
      const bool one_item = share.begin / tiles == (share.end - 1) / tiles;
      REQUIRE((one_item || (share.begin % tiles == 0 && share.end % tiles == 0)));
    }
  }
}

TEST_CASE("an item is cut into no more parts than are worth their joining") {
  CHECK(plan::sharing_equal(1, 1, 1, usual) == 1);
  CHECK(plan::sharing_equal(1, 8, 8, by_eight) == 8);       // a tile each
  CHECK(plan::sharing_equal(4, 256, 264, usual) == 256);    // 66 would take as long as 64
  CHECK(plan::sharing_equal(8, 64, 264, by_eight) == 256);  // 32 are joined at once, 33 are not
  // What was fastest on an H100 (docs/performance.md): fp8 keys of one request of 4096 tokens, 64/8 and 64/4 heads,
  // and of 16,384 tokens, 8/1 heads; bf16 keys of 4096 tokens, 8/1 heads.
  CHECK(plan::sharing_equal(4, 64, 264, usual) == 4 * 16);
  CHECK(plan::sharing_equal(2, 128, 264, {.at_once_bits = 1, .level_time = 18}) == 2 * 64);
  CHECK(plan::sharing_equal(1, 128, 128, by_eight) == 32);
  CHECK(plan::sharing_equal(1, 64, 64, {.at_once_bits = 2, .level_time = 9}) == 64);
}

TEST_CASE("the parts of an item take little longer than the best number of them would") {
  for (const int level_time : {9, 18})
    for (const int bits : {0, 1, 2, 3})
      for (int tiles = 1; tiles <= 300; ++tiles)
        for (const int most : {1, 2, 3, 8, 33, 66, 264}) {
          CAPTURE(level_time);
          CAPTURE(bits);
          CAPTURE(tiles);
          CAPTURE(most);
          const plan::joining_costs costs{.at_once_bits = bits, .level_time = level_time};
          const int shortest = plan::quotient_up(tiles, std::min(most, tiles));
          const int parts = plan::quotient_up(tiles, plan::part_worthwhile(tiles, shortest, costs));
          int fastest = time_of(tiles, 1, costs);
          for (int others = 2; others <= std::min(most, tiles); ++others)
            fastest = std::min(fastest, time_of(tiles, others, costs));
          REQUIRE(time_of(tiles, parts, costs) <= fastest + (fastest + 2) / 3);
        }
}

TEST_CASE("a batch of unequal items is shared by all workgroups, unless longer shares are worthwhile") {
  CHECK(plan::sharing_unequal(1, 1, 1, by_eight) == 1);
  CHECK(plan::sharing_unequal(100'000, 64, 264, by_eight) == 264);
  CHECK(plan::sharing_unequal(std::int64_t{264} << 32, 1 << 26, 264, by_eight) == 264);  // shares of 2^32 units
  CHECK(plan::sharing_unequal(265, 64, 264, by_eight) == 264);     // two units each at most, in 32 parts
  CHECK(plan::sharing_unequal(2 * 34, 32, 68, by_eight) == 34);    // 32 parts take longer to join than a tile
  CHECK(plan::sharing_unequal(4 * 66, 64, 264, by_eight) == 132);  // 64 parts even more so
}
