#include <doctest/doctest.h>

#include <numeric>
#include <support/decode_case.hpp>

using namespace paragon_test;

namespace {

/// A request of every length from 0 to 70: all ways in which the last tile of any target can be filled.
template <class Config> void check_all_lengths(int page_size, int group, int query_tokens) {
  problem_sizes sizes{.kv_heads = 1, .group = group, .page_size = page_size, .lengths = std::vector<int>(71)};
  std::iota(sizes.lengths.begin(), sizes.lengths.end(), 0);
  sizes.per_request = query_tokens;
  sizes.padded = page_size == 7;
  check_decode<Config>(sizes);
}

}  // namespace

TEST_CASE_TEMPLATE("every length from 0 to 70", Config, decode_config<fp16, fp16, nhd, 64>,
                   decode_config<bf16, fp8_e4m3fn, hnd, 128>) {
  for (const int page_size : {1, 7, 16}) {
    check_all_lengths<Config>(page_size, 1, 1);
    check_all_lengths<Config>(page_size, 2, 8);
  }
}

TEST_CASE("empty requests alone") {
  using config = decode_config<bf16, bf16, nhd, 64>;
  check_decode<config>({.kv_heads = 2, .group = 3, .lengths = {0}});
  check_decode<config>({.kv_heads = 2, .group = 3, .lengths = std::vector<int>(100), .per_request = 2});
}

TEST_CASE("no requests, or none with a query token") {
  using config = decode_config<bf16, bf16, nhd, 64>;
  check_decode<config>({.kv_heads = 2, .group = 3, .lengths = {}});
  check_decode<config>({.kv_heads = 2, .group = 3, .lengths = {5, 0, 40}, .query_counts = {0, 0, 0}});
}
