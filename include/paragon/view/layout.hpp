#pragma once

#include <concepts>
#include <cstdint>
#include <paragon/platform/macros.hpp>

namespace paragon {

/// Sizes of a paged KV cache. A K page holds `page_size` slots of `kv_heads` rows of `head_dim` elements; V likewise
/// with `value_dim`, which defaults to `head_dim`.
struct kv_shape {
  std::int64_t pages;
  int page_size;
  int kv_heads;
  int head_dim;
  int value_dim = head_dim;
};

/// Distances in elements between pages, between the slots of a page and between the KV heads of a slot. Rows themselves
/// are contiguous.
struct page_strides {
  std::int64_t page;
  std::int64_t slot;
  std::int64_t head;

  PARAGON_HD constexpr std::int64_t offset(std::int64_t page_index, int slot_index, int kv_head) const {
    return page_index * page + slot_index * slot + kv_head * head;
  }
};

/// Layout [page, slot, head, dim]: all heads of a token lie together.
struct nhd {
  static constexpr page_strides strides(int page_size, int kv_heads, int dim) {
    return {std::int64_t{page_size} * kv_heads * dim, std::int64_t{kv_heads} * dim, dim};
  }
};

/// Layout [page, head, slot, dim]: all slots of a head lie together.
struct hnd {
  static constexpr page_strides strides(int page_size, int kv_heads, int dim) {
    return {std::int64_t{page_size} * kv_heads * dim, dim, std::int64_t{page_size} * dim};
  }
};

/// A type that gives the strides of a contiguous cache: `nhd`, `hnd`, or one of the user's.
template <class T>
concept page_layout = requires(int n) {
  { T::strides(n, n, n) } -> std::same_as<page_strides>;
};

}  // namespace paragon
