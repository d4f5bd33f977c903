#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

/// A ragged batch in a paged cache, on the host: request r has `lengths[r]` tokens, in pages of its own.
struct ragged_batch {
  std::vector<int> lengths;
  int page_size;
  std::int32_t pages;  ///< in the cache; more than the requests use, the others belong to nobody

  std::vector<std::int32_t> kv_indptr;
  std::vector<std::int32_t> kv_indices;
  std::vector<std::int32_t> kv_last_page_len;
  std::vector<std::int32_t> token_indptr;  ///< request r's tokens in a tensor that holds those of all requests

  [[nodiscard]] int count() const { return static_cast<int>(lengths.size()); }
  [[nodiscard]] int tokens() const { return token_indptr.back(); }
};

/// Deals the pages of a cache to the requests in random order (the same in every run); one page in five stays unused.
inline ragged_batch make_ragged_batch(std::vector<int> lengths, int page_size) {
  ragged_batch batch{std::move(lengths), page_size, 0, {0}, {}, {}, {0}};
  for (const int length : batch.lengths) {
    batch.kv_indptr.push_back(batch.kv_indptr.back() + (length + page_size - 1) / page_size);
    batch.kv_last_page_len.push_back((length - 1) % page_size + 1);
    batch.token_indptr.push_back(batch.token_indptr.back() + length);
  }
  const auto used = static_cast<std::size_t>(batch.kv_indptr.back());
  batch.kv_indices.resize(used + used / 4);
  batch.pages = static_cast<std::int32_t>(batch.kv_indices.size());
  std::iota(batch.kv_indices.begin(), batch.kv_indices.end(), 0);
  std::shuffle(batch.kv_indices.begin(), batch.kv_indices.end(), std::mt19937{2024});
  batch.kv_indices.resize(used);
  return batch;
}
