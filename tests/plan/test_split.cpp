#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <paragon/plan/batch.hpp>
#include <paragon/plan/split.hpp>
#include <random>
#include <support/devices.hpp>
#include <utility>
#include <vector>

using namespace paragon;

namespace {

struct extents {
  const plan::request_extent* of;
  PARAGON_HD plan::request_extent operator()(int request) const { return of[request]; }
};

/// The requests of a split, and which of its tiles have been handed out.
struct ledger {
  int head_groups;
  std::vector<plan::request_extent> sizes;

  /// Cuts the batch for so many workgroups and follows each of them through its share.
  void check(int workgroups) const {
    for (const int lead : {0, 1, 2, 5}) check(workgroups, lead);
  }

 private:
  std::int64_t items(int request) const {
    return std::int64_t{sizes[static_cast<std::size_t>(request)].row_blocks} * head_groups;
  }
  std::vector<std::int64_t> sum_units(int lead) const {
    std::vector<std::int64_t> unit_indptr{0};
    for (int r = 0; r < std::ssize(sizes); ++r)
      unit_indptr.push_back(unit_indptr.back() + items(r) * (lead + sizes[static_cast<std::size_t>(r)].tiles));
    return unit_indptr;
  }

  void check(int workgroups, int lead) const {
    CAPTURE(workgroups);
    CAPTURE(lead);
    const std::vector<std::int64_t> unit_indptr = sum_units(lead), tile_indptr = sum_units(0);
    const int requests = static_cast<int>(sizes.size());
    std::int64_t next = 0;
    for (int w = 0; w < workgroups; ++w) {
      CAPTURE(w);
      const plan::share whole = plan::share_of(unit_indptr.back(), workgroups, w);
      plan::share rest = plan::to_last_tile(unit_indptr.data(), requests, lead, whole, extents{sizes.data()});
      REQUIRE((rest.begin == whole.begin && rest.end <= whole.end && whole.end - rest.end <= lead));
      int cut_items = 0, request = plan::request_of(unit_indptr.data(), requests, rest.begin);
      while (rest.begin < rest.end) {
        const plan::segment s =
            plan::first_segment(unit_indptr.data(), request, {head_groups, lead}, rest, extents{sizes.data()});
        request = s.request;
        const plan::request_extent& size = sizes[static_cast<std::size_t>(s.request)];
        const std::int64_t item = std::int64_t{s.head_group} * size.row_blocks + s.row_block;
        REQUIRE(s.tiles > 0);
        REQUIRE((s.head_group >= 0 && s.head_group < head_groups && s.row_block >= 0 && s.row_block < size.row_blocks));
        REQUIRE((s.first_tile >= 0 && s.first_tile + s.tiles <= size.tiles && s.item_tiles == size.tiles));
        REQUIRE(s.item_begin == unit_indptr[static_cast<std::size_t>(request)] + item * (lead + size.tiles) + lead);
        REQUIRE(s.covers_item() == (s.tiles == size.tiles));
        // In order and without a gap: every tile exactly once.
        REQUIRE(next == tile_indptr[static_cast<std::size_t>(request)] + item * size.tiles + s.first_tile);
        // Who else has tiles of the item is computed by everyone who has.
        for (const int tile : {s.first_tile, s.first_tile + s.tiles - 1})
          REQUIRE(plan::owner_of(unit_indptr.back(), workgroups, s.item_begin + tile) == w);
        next += s.tiles;
        rest.begin += s.units;
        cut_items += !s.covers_item();
      }
      REQUIRE(rest.begin == rest.end);
      REQUIRE(cut_items <= 2);  // what the workspace has room for
    }
    REQUIRE(next == tile_indptr.back());
  }
};

void check_shares(std::int64_t units, int workgroups) {
  CAPTURE(units);
  CAPTURE(workgroups);
  std::int64_t next = 0, shortest = units, longest = 0;
  for (int w = 0; w < workgroups; ++w) {
    const plan::share share = plan::share_of(units, workgroups, w);
    REQUIRE(share.begin == next);
    REQUIRE(share.end >= share.begin);
    next = share.end;
    shortest = std::min(shortest, share.end - share.begin);
    longest = std::max(longest, share.end - share.begin);
    if (share.begin < share.end) {
      REQUIRE(plan::owner_of(units, workgroups, share.begin) == w);
      REQUIRE(plan::owner_of(units, workgroups, share.end - 1) == w);
      REQUIRE(plan::owner_of(units, workgroups, share.begin + (share.end - share.begin) / 2) == w);
    }
  }
  REQUIRE(next == units);
  REQUIRE(longest - shortest <= 1);
}

}  // namespace

TEST_CASE("quotients are those of 64-bit division, on both sides of 32 bits") {
  const std::uint32_t seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  const auto any = [&] { return static_cast<std::int64_t>(random() >> (1 + random() % 63)); };
  for (int round = 0; round < 100000; ++round) {
    const std::int64_t a = any(), b = 1 + any() / 2;
    REQUIRE(plan::quotient(a, b) == a / b);
  }
  constexpr std::int64_t limit = std::int64_t{1} << 32;
  for (const std::int64_t a : {limit - 1, limit, limit + 1})
    for (const std::int64_t b : {std::int64_t{1}, limit - 1, limit, limit + 1}) REQUIRE(plan::quotient(a, b) == a / b);
}

TEST_CASE("shares cover all units in order, differ by at most one, and know their owner") {
  for (std::int64_t units = 0; units < 130; ++units)
    for (int workgroups = 1; workgroups < 40; ++workgroups) check_shares(units, workgroups);
  for (const std::int64_t units : {std::int64_t{1} << 40, (std::int64_t{1} << 40) + 12345, std::int64_t{2147483647}})
    for (const int workgroups : {1, 3, 132, 1216, 65535}) check_shares(units, workgroups);
}

TEST_CASE("every unit's owner is the workgroup whose share holds it") {
  for (const int units : {1, 7, 64, 1000})
    for (const int workgroups : {1, 3, 8, 64, 999, 2000})
      for (int unit = 0; unit < units; ++unit) {
        const plan::share share = plan::share_of(units, workgroups, plan::owner_of(units, workgroups, unit));
        REQUIRE((share.begin <= unit && unit < share.end));
      }
}

TEST_CASE("every tile of a ragged batch is handed out exactly once") {
  const unsigned seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937 random{seed};
  const auto below = [&](unsigned n) { return static_cast<int>(random() % n); };
  for (int round = 0; round < 300; ++round) {
    std::vector<plan::request_extent> sizes;
    // now and then no query rows: such a request has no units, wherever it stands
    for (int r = 1 + below(12); r > 0; --r) sizes.push_back({1 + below(9), below(4) == 0 ? 0 : 1 + below(3)});
    const ledger batch{1 + below(4), std::move(sizes)};
    batch.check(1 + below(70));
  }
}

TEST_CASE("one giant among many small ones is shared by all") {
  std::vector<plan::request_extent> sizes(200, {1, 1});
  sizes[77] = {100000, 1};
  const ledger batch{8, std::move(sizes)};
  for (const int workgroups : {1, 7, 132, 1216}) batch.check(workgroups);
}

TEST_CASE("more workgroups than units, and nothing at all") {
  ledger{2, {{1, 1}, {2, 1}}}.check(100);
  ledger{2, {{5, 0}, {5, 0}}}.check(3);
  ledger{1, {}}.check(3);
}

TEST_CASE("the plan is a constant expression") {
  static_assert(plan::share_of(10, 3, 0).end == 3 && plan::share_of(10, 3, 2).begin == 6);
  static_assert(plan::owner_of(10, 3, 2) == 0 && plan::owner_of(10, 3, 3) == 1);
  constexpr std::int64_t unit_indptr[] = {0, 4, 4, 6};
  static_assert(plan::request_of(unit_indptr, 3, 3) == 0);
  static_assert(plan::request_of(unit_indptr, 3, 4) == 2, "the request without units has none to give");
}

namespace {

/// Tables of a batch with page size 4, 2 KV heads, group size 3, tiles of 8 tokens, 4 query rows per pass.
struct tables {
  std::vector<std::int32_t> kv_indptr, last, query_indptr;
  int per_request = 1, window = 0;

  plan::batch view() const {
    return {.requests = {static_cast<int>(last.size()), kv_indptr.data(), nullptr, last.data()},
            .queries = {per_request, query_indptr.empty() ? nullptr : query_indptr.data()},
            .page_size = 4,
            .window = window,
            .group_size = 3,
            .head_groups = 2,
            .tile_bits = 3,
            .rows_per_pass = 4,
            .heads_per_pass = 1,
            .costs = {.at_once_bits = 2, .level_time = 18}};
  }
};

}  // namespace

TEST_CASE("lengths and units are read from the tables") {
  const tables t{.kv_indptr = {5, 8, 8, 9, 13}, .last = {2, 0, 4, 1}, .query_indptr = {}};
  const plan::batch batch = t.view();
  const int tokens[] = {10, 0, 4, 13};
  for (int r = 0; r < 4; ++r) {
    CHECK(batch.lengths(r).tokens == tokens[r]);
    CHECK(batch.lengths(r).first_token == 0);
    CHECK(batch.lengths(r).query_begin == r);
    CHECK(batch.lengths(r).query_count == 1);
  }
  CHECK(batch.units(batch.lengths(0), 0) == 2 * 1 * 2);        // tiles, row blocks, KV heads
  CHECK(batch.units(batch.lengths(1), 3) == (3 + 1) * 1 * 2);  // an empty request writes its outputs
  CHECK(batch.units(batch.lengths(2), 0) == 1 * 1 * 2);
}

TEST_CASE("page size 1 needs no last page lengths") {
  plan::batch batch = tables{.kv_indptr = {}, .last = {0}, .query_indptr = {}}.view();
  const std::int32_t indptr[] = {3, 10};
  batch.page_size = 1;
  batch.requests = {1, indptr, nullptr, nullptr};
  CHECK(batch.lengths(0).tokens == 7);
}

TEST_CASE("ragged query tokens make row blocks, none for a request without queries") {
  const tables t{.kv_indptr = {0, 1, 2, 3}, .last = {4, 4, 4}, .query_indptr = {2, 5, 5, 6}, .per_request = 4};
  const plan::batch batch = t.view();
  CHECK(batch.lengths(0).query_begin == 2);
  CHECK(batch.lengths(0).query_count == 3);
  CHECK(batch.extent(batch.lengths(0)).row_blocks == 3);  // 9 rows in passes of 4
  CHECK(batch.units(batch.lengths(1), 2) == 0);
  CHECK(batch.extent(batch.lengths(2)).row_blocks == 1);
}

TEST_CASE("a window drops the tiles that no query token sees") {
  tables t{.kv_indptr = {0, 10}, .last = {4}, .query_indptr = {}, .per_request = 2, .window = 5};
  // 40 tokens; the first query token sits at 38 and sees 34 to 38
  CHECK(t.view().lengths(0).first_token == 34);
  CHECK(t.view().extent(t.view().lengths(0)).tiles == 1);  // 32 to 39
  t.window = 8;
  CHECK(t.view().lengths(0).first_token == 31);
  CHECK(t.view().extent(t.view().lengths(0)).tiles == 2);
  t.window = 1000;
  CHECK(t.view().lengths(0).first_token == 0);
  CHECK(t.view().extent(t.view().lengths(0)).tiles == 5);
}

TEST_CASE("whatever the tables hold, lengths stay within what a table could mean") {
  const unsigned seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937 random{seed};
  for (int round = 0; round < 3000; ++round) {
    const auto anything = [&] {
      const std::int32_t small = static_cast<std::int32_t>(random() % 20) - 4;
      return random() % 3 == 0 ? static_cast<std::int32_t>(random()) : small;
    };
    tables t{.kv_indptr = {anything(), anything()}, .last = {anything()}, .query_indptr = {anything(), anything()}};
    t.per_request = 1 + static_cast<int>(random() % 8);
    const int windows[] = {0, 1, 1 + static_cast<int>(random() % 20), std::numeric_limits<int>::max()};
    t.window = windows[random() % 4];
    const plan::request_lengths lengths = t.view().lengths(0);
    REQUIRE((lengths.tokens >= 0 && lengths.first_token >= 0 && lengths.first_token <= lengths.tokens));
    REQUIRE((lengths.query_count >= 0 && lengths.query_count <= t.per_request));
    REQUIRE(t.view().units(lengths, 2) >= 0);
  }
}
