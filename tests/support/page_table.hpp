#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

/// Ragged page tables with everything a table may have: pages in any order, spare ones, a page that two requests share,
/// an indptr that does not start at zero.
namespace paragon_test {

/// A table on the host, as `ragged_requests` wants it, and the number of pages of its cache.
struct page_table {
  std::vector<std::int32_t> indptr, indices, last_page_len;
  std::int64_t pages;
};

struct page_slot {
  int page, slot;
};

/// A table for requests of these lengths. Entries of `indices` before and behind those of requests are no page numbers.
inline page_table make_page_table(const std::vector<int>& lengths, int page_size, std::mt19937& random) {
  page_table table;
  table.indptr.push_back(static_cast<std::int32_t>(random() % 4));
  for (const int length : lengths) {
    table.indptr.push_back(table.indptr.back() + (length + page_size - 1) / page_size);
    table.last_page_len.push_back(length == 0 ? 0 : (length - 1) % page_size + 1);
  }
  const std::int32_t used = table.indptr.back() - table.indptr.front();
  table.pages = used + 3 + used / 8;
  std::vector<std::int32_t> order(static_cast<std::size_t>(table.pages));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  table.indices.assign(static_cast<std::size_t>(table.indptr.front()), -1);
  table.indices.insert(table.indices.end(), order.begin(), order.begin() + used);
  table.indices.push_back(-1);

  // Requests with a common prefix share its pages.
  for (std::size_t r = 1; r < lengths.size(); ++r)
    if (lengths[r] >= page_size && lengths[r - 1] >= page_size && random() % 4 == 0)
      table.indices[static_cast<std::size_t>(table.indptr[r])] =
          table.indices[static_cast<std::size_t>(table.indptr[r - 1])];
  return table;
}

/// The slots that hold a token from `first_token[r]` on of a request r, each once.
inline std::vector<page_slot> used_slots(const page_table& table, int page_size, const std::vector<int>& first_token) {
  std::vector<page_slot> used;
  std::vector<bool> seen(static_cast<std::size_t>(table.pages * page_size));
  for (std::size_t r = 0; r < first_token.size(); ++r) {
    const int pages = table.indptr[r + 1] - table.indptr[r];
    const int length = pages == 0 ? 0 : (pages - 1) * page_size + table.last_page_len[r];
    for (int t = first_token[r]; t < length; ++t) {
      const int page = table.indices[static_cast<std::size_t>(table.indptr[r] + t / page_size)];
      const auto index = static_cast<std::size_t>(page) * static_cast<std::size_t>(page_size) +
                         static_cast<std::size_t>(t % page_size);
      if (!seen[index]) used.push_back({page, t % page_size});
      seen[index] = true;
    }
  }
  return used;
}

}  // namespace paragon_test
