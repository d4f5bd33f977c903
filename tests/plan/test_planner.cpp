#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <paragon/plan/planner.hpp>
#include <random>
#include <support/device_buffer.hpp>
#include <support/devices.hpp>
#include <support/run_kernel.hpp>
#include <vector>

using namespace paragon;
using namespace paragon_test;

namespace {

/// Where a step's tables lie, and all that a plan depends on besides.
struct step {
  std::vector<std::int32_t> kv_indptr, last, query_indptr;
  plan::batch batch;  ///< without the tables
  int workgroups;

  plan::batch with(const std::int32_t* pages, const std::int32_t* last_lengths, const std::int32_t* queries) const {
    plan::batch result = batch;
    result.requests = {static_cast<int>(last.size()), pages, nullptr, batch.page_size == 1 ? nullptr : last_lengths};
    result.queries.indptr = query_indptr.empty() ? nullptr : queries;
    return result;
  }
};

/// What the planner leaves in memory.
struct made_plan {
  std::vector<std::int64_t> unit_indptr;
  std::vector<plan::request_lengths> lengths;
  std::vector<plan::start> starts;
  std::vector<std::uint32_t> arrivals;
};

made_plan plan_on_host(const step& s) {
  const plan::batch batch = s.with(s.kv_indptr.data(), s.last.data(), s.query_indptr.data());
  made_plan result{
      .unit_indptr = {0}, .lengths = {}, .starts = {}, .arrivals = std::vector<std::uint32_t>(4 * s.workgroups + 1u)};
  for (int r = 0; r < batch.requests.count; ++r) result.lengths.push_back(batch.lengths(r));
  bool alike = true;
  for (const plan::request_lengths& lengths : result.lengths)
    alike = alike && batch.units(lengths, 0) == batch.units(result.lengths.front(), 0);
  const int lead = batch.lead(alike);
  for (const plan::request_lengths& lengths : result.lengths)
    result.unit_indptr.push_back(result.unit_indptr.back() + batch.units(lengths, lead));
  const int sharing = batch.sharing(result.unit_indptr.back(), alike, s.workgroups);
  for (int w = 0; w < s.workgroups; ++w)
    result.starts.push_back(batch.start_of(result.unit_indptr.data(), lead, sharing, w));
  return result;
}

/// All buffers are one element longer than the plan: nothing may be written there.
made_plan plan_on_device(const step& s) {
  const device_buffer<std::int32_t> kv_indptr(s.kv_indptr), last(s.last), query_indptr(s.query_indptr);
  device_buffer<std::int64_t> unit_indptr(s.last.size() + 2);
  device_buffer<plan::request_lengths> lengths(s.last.size() + 1);
  device_buffer<plan::start> starts(s.workgroups + std::size_t{1});
  device_buffer<std::uint32_t> arrivals(4 * s.workgroups + std::size_t{2});
  const int requests = static_cast<int>(s.last.size());
  run_kernel<plan::planner>(plan::planner::launch_workgroups(requests, s.workgroups), plan::planner::max_waves,
                            plan::planner::shared_bytes(requests),
                            {.batch = s.with(kv_indptr.data(), last.data(), query_indptr.data()),
                             .workgroups = s.workgroups,
                             .unit_indptr = unit_indptr.data(),
                             .lengths = lengths.data(),
                             .starts = starts.data(),
                             .arrivals = arrivals.data(),
                             .arrival_count = 4 * s.workgroups + 1});
  return {unit_indptr.download(), lengths.download(), starts.download(), arrivals.download()};
}

/// Whether the device has what the host expects, and its poison where it has one element more.
template <class T> bool same_and_guard(const std::vector<T>& expected, const std::vector<T>& got) {
  T guard;
  std::memset(&guard, 0xff, sizeof(T));
  return got.size() == expected.size() + 1 && guard == got.back() &&
         std::equal(expected.begin(), expected.end(), got.begin());
}

void check(const step& s) {
  CAPTURE(s.last.size());
  CAPTURE(s.workgroups);
  const made_plan expected = plan_on_host(s), got = plan_on_device(s);
  CHECK(same_and_guard(expected.unit_indptr, got.unit_indptr));
  CHECK(same_and_guard(expected.lengths, got.lengths));
  CHECK(same_and_guard(expected.starts, got.starts));
  CHECK(same_and_guard(expected.arrivals, got.arrivals));
}

/// Requests of 0 to `most_pages` pages.
step random_step(std::mt19937& random, int requests, int most_pages) {
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  step s{.kv_indptr = {below(5)}, .last = {}, .query_indptr = {}, .batch = {}, .workgroups = 1 + below(700)};
  const int page_sizes[] = {1, 3, 16}, heads = 1 + below(3), windows[] = {0, 0, 1 + below(100), plan::max_tokens};
  s.batch = {.requests = {},
             .queries = {.per_request = 1 + below(max_query_tokens)},
             .page_size = page_sizes[below(3)],
             .window = windows[below(4)],
             .group_size = 1 + below(20),
             .head_groups = 1 + below(4),
             .tile_bits = 4 + below(4),
             .rows_per_pass = 8 << below(3),
             .heads_per_pass = heads,
             .costs = {.at_once_bits = below(4), .level_time = 9 << below(2)}};
  for (int r = 0; r < requests; ++r) {
    s.kv_indptr.push_back(s.kv_indptr.back() + (below(5) == 0 ? 0 : below(most_pages + 1)));
    s.last.push_back(1 + below(s.batch.page_size));
  }
  if (below(2) == 0) return s;
  s.query_indptr = {below(3)};
  // Now and then most requests are without query tokens, and so without units.
  const int idle = below(3);
  for (int r = 0; r < requests; ++r)
    s.query_indptr.push_back(s.query_indptr.back() + (below(4) < idle ? 0 : below(s.batch.queries.per_request + 1)));
  return s;
}

template <class Change> void check_random(std::initializer_list<int> counts, int most_pages, const Change& change) {
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  std::mt19937 random{seed};
  for (const int requests : counts)
    for (int round = 0; round < 3; ++round) {
      step s = random_step(random, requests, most_pages);
      change(s, random);
      check(s);
    }
}

}  // namespace

TEST_CASE("the device's plan is the host's, for any number of requests") {
  check_random({1, 2, 7, 64, 255, 256, 257, 1500, 4095, 4096, 5000}, 40, [](step&, std::mt19937&) {});
}

TEST_CASE("requests that are all alike, or all but the last") {
  check_random({1, 2, 64, 257, 4096}, 0, [](step& s, std::mt19937& random) {
    const auto pages = static_cast<std::int32_t>(random() % 50);
    for (std::size_t r = 0; r < s.kv_indptr.size(); ++r) s.kv_indptr[r] = static_cast<std::int32_t>(r) * pages;
    std::fill(s.last.begin(), s.last.end(), s.last.front());
    s.query_indptr.clear();
    if (random() % 2 == 0) s.kv_indptr.back() += 100;
  });
}

TEST_CASE("requests without a token, or without a query token") {
  check_random({1, 600}, 0, [](step&, std::mt19937&) {});
  check_random({1, 600}, 10, [](step& s, std::mt19937&) { s.query_indptr.assign(s.last.size() + 1, 3); });
}

TEST_CASE("one giant, and more units than 32 bits count") {
  check_random({1, 30, 600}, 5, [](step& s, std::mt19937& random) {
    const std::size_t giant = random() % s.last.size();
    for (std::size_t r = giant + 1; r < s.kv_indptr.size(); ++r) s.kv_indptr[r] += 1 << 20;
  });
  check_random({600}, 5, [](step& s, std::mt19937&) {
    // Every second request ends where an int32 does, which is more than max_tokens.
    for (std::size_t r = 0; r < s.kv_indptr.size(); ++r)
      s.kv_indptr[r] = r % 2 == 0 ? 0 : std::numeric_limits<std::int32_t>::max();
  });
}

TEST_CASE("whatever the tables hold") {
  check_random({1, 100, 700}, 5, [](step& s, std::mt19937& random) {
    for (std::vector<std::int32_t>* table : {&s.kv_indptr, &s.last, &s.query_indptr})
      for (std::int32_t& entry : *table)
        if (random() % 4 == 0) entry = static_cast<std::int32_t>(random());
  });
}
