#pragma once

#include <cstdint>
#include <paragon/platform/macros.hpp>

namespace paragon {

/// The ragged page table of a batch, all arrays int32 in device memory.
///
/// Request r owns the pages `kv_indices[kv_indptr[r] .. kv_indptr[r + 1])` in the order of its tokens; all are full but
/// the last, which holds `kv_last_page_len[r]` tokens (1 .. page_size). A request without pages has length 0.
struct ragged_requests {
  int count;
  const std::int32_t* kv_indptr;         ///< [count + 1], starting anywhere, never falling
  const std::int32_t* kv_indices;        ///< [kv_indptr[count]]
  const std::int32_t* kv_last_page_len;  ///< [count]; may be null when the page size is 1
};

/// Which rows of the query tensor belong to which request. Several query tokens per request (multi-token prediction)
/// are the last tokens of the request: token j of q sits at position  length - q + j  and sees no later one.
struct query_tokens {
  /// Every request has `per_request` query tokens, or, with `indptr` (int32 [count + 1] in device memory), request r
  /// has rows indptr[r] .. indptr[r + 1), at most `per_request` of them. 1 .. 8.
  int per_request = 1;
  const std::int32_t* indptr = nullptr;
};

/// Largest `query_tokens::per_request`.
inline constexpr int max_query_tokens = 8;

}  // namespace paragon
