#pragma once

#include <cstdint>
#include <paragon/types.hpp>
#include <paragon/view/layout.hpp>
#include <paragon/view/requests.hpp>

namespace paragon {

/// Where each new token goes, int64 [tokens] in device memory:  page * page_size + slot in the page.  A token with -1
/// is skipped (padding of a captured graph, say), and so is one whose slot lies outside of the cache.
struct slot_mapping {
  const std::int64_t* slots;
};

namespace detail {

/// A place for one token in a paged cache, or none.
struct cache_slot {
  std::int64_t page;
  int index;  ///< in the page

  PARAGON_HD bool exists() const { return page >= 0; }
  static PARAGON_HD cache_slot none() { return {-1, 0}; }
};

/// Slots from an explicit mapping.
struct mapped_slots {
  slot_mapping mapping;

  PARAGON_HD cache_slot find(std::int64_t token, const kv_shape& shape) const {
    const std::int64_t slot = mapping.slots[token];
    if (slot < 0 || slot >= shape.pages * shape.page_size) return cache_slot::none();
    return {slot / shape.page_size, static_cast<int>(slot % shape.page_size)};
  }

  status check(int /*tokens*/, const kv_shape& /*shape*/) const {
    if (mapping.slots == nullptr)
      return status::failure(status_code::null_pointer, "the pointer to the slot mapping is null");
    return status::success();
  }
};

/// Slots from a ragged table that describes the cache as it is after the append.
struct ragged_slots {
  ragged_requests requests;
  query_tokens tokens;

  PARAGON_HD cache_slot find(std::int64_t token, const kv_shape& shape) const {
    const std::int64_t r = request_of(token);
    if (r >= requests.count) return cache_slot::none();
    const std::int64_t first = first_row(r), end = first_row(r + 1);
    const std::int64_t position = length(r, shape.page_size) - (end - token);
    if (token < first || token >= end || position < 0) return cache_slot::none();
    const std::int64_t page = requests.kv_indices[requests.kv_indptr[r] + position / shape.page_size];
    if (page < 0 || page >= shape.pages) return cache_slot::none();
    return {page, static_cast<int>(position % shape.page_size)};
  }

  status check(int rows, const kv_shape& shape) const {
    if (requests.count < 0)
      return status::failure(status_code::bad_shape, "%d requests; the count must not be negative", requests.count);
    const bool complete = requests.kv_indptr != nullptr && requests.kv_indices != nullptr &&
                          (requests.kv_last_page_len != nullptr || shape.page_size == 1);
    if (requests.count > 0 && !complete)
      return status::failure(status_code::null_pointer,
                             "the pointer to %s of the ragged table is null; only kv_last_page_len may be, with a page "
                             "size of 1",
                             requests.kv_indptr == nullptr    ? "kv_indptr"
                             : requests.kv_indices == nullptr ? "kv_indices"
                                                              : "kv_last_page_len");
    return tokens.indptr != nullptr ? status::success() : check_equal_shares(rows);
  }

 private:
  status check_equal_shares(int rows) const {
    const std::int64_t needed = std::int64_t{requests.count} * tokens.per_request;
    if (tokens.per_request < 1)
      return status::failure(status_code::bad_shape, "%d new tokens per request; at least 1 is allowed",
                             tokens.per_request);
    if (needed != rows)
      return status::failure(status_code::bad_shape,
                             "%d new tokens; %d requests with %d each need %lld, and requests with different numbers "
                             "need query_tokens::indptr",
                             rows, requests.count, tokens.per_request, static_cast<long long>(needed));
    return status::success();
  }

  PARAGON_HD std::int64_t first_row(std::int64_t r) const {
    return tokens.indptr != nullptr ? tokens.indptr[r] : r * tokens.per_request;
  }

  // The last request that begins at or before the row: any that begins there and has rows.
  PARAGON_HD std::int64_t request_of(std::int64_t row) const {
    if (tokens.indptr == nullptr) return row / tokens.per_request;
    std::int64_t low = 0, high = requests.count;
    while (high - low > 1) {
      const std::int64_t middle = (low + high) / 2;
      (tokens.indptr[middle] <= row ? low : high) = middle;
    }
    return low;
  }

  PARAGON_HD std::int64_t length(std::int64_t r, int page_size) const {
    const std::int64_t pages = std::int64_t{requests.kv_indptr[r + 1]} - requests.kv_indptr[r];
    if (pages <= 0) return 0;
    if (page_size == 1) return pages;
    const int last = requests.kv_last_page_len[r];
    return (pages - 1) * page_size + (last < 1 ? 1 : last > page_size ? page_size : last);
  }
};

}  // namespace detail
}  // namespace paragon
