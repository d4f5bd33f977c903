#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <support/devices.hpp>
#include <support/problem.hpp>
#include <utility>
#include <vector>

/// Random batches of the kinds that break kernels.
namespace paragon_test {

inline int between(std::mt19937& random, int low, int high) {
  return std::uniform_int_distribution<int>{low, high}(random);
}

/// Lengths 0, 1, whole pages and one more or less, short ones and one of `longest` tokens, in any order.
inline std::vector<int> ragged_lengths(std::mt19937& random, int page_size, int longest) {
  const int pages = page_size * between(random, 1, std::max(1, longest / page_size / 2));
  std::vector<int> lengths{0, 1, pages - 1, pages, pages + 1, between(random, 2, 40), longest};
  std::shuffle(lengths.begin(), lengths.end(), random);
  return lengths;
}

/// One query token per request in half of the batches; else 2 to 8, or so many at most, 0 included.
inline void random_query_tokens(std::mt19937& random, problem_sizes& sizes) {
  if (random() % 2 == 0) return;
  sizes.per_request = between(random, 2, 8);
  if (random() % 2 == 0) return;
  for (std::size_t r = 0; r < sizes.lengths.size(); ++r)
    sizes.query_counts.push_back(between(random, 0, sizes.per_request));
}

/// A batch for the given group and page size whose attention takes about `work` multiplications per product, half as
/// many on a slow device, so that tests of large heads take no longer than those of small ones.
inline problem_sizes ragged_batch(std::mt19937& random, int group, int page_size, int head_dim, double work = 6e6) {
  problem_sizes sizes;
  sizes.kv_heads = between(random, 1, 3);
  sizes.group = group;
  sizes.page_size = page_size;
  sizes.padded = random() % 2 == 0;
  sizes.lengths.resize(7);
  random_query_tokens(random, sizes);
  const double rows = sizes.kv_heads * group * sizes.per_request;
  const int affordable = static_cast<int>((slow_device() ? work / 2 : work) / (rows * head_dim * 2.5));
  sizes.lengths = ragged_lengths(random, page_size, std::clamp(affordable, 50, 500));
  const int windows[] = {1, 2, page_size, between(random, 3, 60), between(random, 60, 1000)};
  sizes.window = windows[random() % 5];
  return sizes;
}

}  // namespace paragon_test
