#pragma once

#include <cstdint>
#include <paragon/view/paged_kv_writer.hpp>
#include <paragon/view/row_checks.hpp>

/// What the host can know to be wrong about an append.
namespace paragon::detail {

/// The sizes of the cache are ones that decode reads.
inline status check_shape(const kv_shape& shape) {
  if (shape.pages < 1 || shape.page_size < 1 || shape.kv_heads < 1)
    return status::failure(status_code::bad_shape,
                           "a cache of %lld pages of %d slots of %d KV heads; each must be at least 1",
                           static_cast<long long>(shape.pages), shape.page_size, shape.kv_heads);
  for (const int dim : {shape.head_dim, shape.value_dim})
    if (dim < 8 || dim > 512 || dim % 8 != 0)
      return status::failure(status_code::bad_shape, "a head dim of %d; allowed are the multiples of 8 up to 512", dim);
  return status::success();
}

/// The cache can be written: sizes, addresses, strides that keep rows apart, and the descale.
template <class KV, class Layout, class Descale> status check_cache(const paged_kv_writer<KV, Layout, Descale>& cache) {
  if (const status sizes = check_shape(cache.shape); !sizes) return sizes;
  for (const status& check :
       {check_pointer(cache.k.data, "the K pages"), check_pointer(cache.v.data, "the V pages"),
        check_rows_are_apart(cache.k.strides, cache.shape, cache.shape.head_dim, "K"),
        check_rows_are_apart(cache.v.strides, cache.shape, cache.shape.value_dim, "V"), cache.descale.check()})
    if (!check) return check;
  if constexpr (paged_kv_writer<KV, Layout, Descale>::descale_type::by_token)
    return check_rows_are_apart(cache.descale.strides, cache.shape, 1, "the descale factors");
  return status::success();
}

/// The new keys and values fit each other and the cache.
template <class Source>
status check_new_tokens(const heads_view<const Source>& keys, const heads_view<const Source>& values,
                        const kv_shape& shape) {
  if (keys.heads != shape.kv_heads)
    return status::failure(status_code::bad_shape, "the new keys have %d heads; the cache has %d KV heads", keys.heads,
                           shape.kv_heads);
  for (const status& check :
       {check_same_rows(keys, "new keys", values, "new values"), check_rows(keys, shape.head_dim, "new keys"),
        check_rows(values, shape.value_dim, "new values")})
    if (!check) return check;
  return status::success();
}

}  // namespace paragon::detail
