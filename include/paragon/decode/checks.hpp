#pragma once

#include <cmath>
#include <initializer_list>
#include <paragon/decode/config.hpp>

/// What the host can see of a call before it launches anything. Each refusal names the value and what is allowed.
namespace paragon::detail {

struct named_pointer {
  const char* name;
  const void* pointer;
};
inline status check_pointers(std::initializer_list<named_pointer> pointers) {
  for (const auto& [name, pointer] : pointers)
    if (pointer == nullptr) return status::failure(status_code::null_pointer, "the %s pointer is null", name);
  return status::success();
}

inline status check_alignment(const char* name, const void* pointer, int bytes) {
  if (reinterpret_cast<std::uintptr_t>(pointer) % static_cast<std::uintptr_t>(bytes) == 0) return status::success();
  return status::failure(status_code::misaligned, "the %s pointer %p is not aligned to %d bytes", name, pointer, bytes);
}

/// One stride of a tensor: at least `least` (rows must not overlap) and a multiple of `multiple` (vector loads).
struct named_stride {
  const char* name;
  std::int64_t stride;
  std::int64_t least;
};
inline status check_strides(const char* tensor, int multiple, std::initializer_list<named_stride> strides) {
  for (const auto& [name, stride, least] : strides) {
    if (stride < least)
      return status::failure(status_code::bad_stride,
                             "the %s stride of the %s is %lld elements; it must be at least %lld", name, tensor,
                             static_cast<long long>(stride), static_cast<long long>(least));
    if (stride % multiple != 0)
      return status::failure(status_code::bad_stride,
                             "the %s stride of the %s is %lld elements; it must be a multiple of %d", name, tensor,
                             static_cast<long long>(stride), multiple);
  }
  return status::success();
}

/// Bytes that rows of `row_bytes` bytes are loaded and stored with: 16, or 8 where rows are not a multiple of that.
constexpr int row_alignment(std::size_t row_bytes) { return row_bytes % 16 == 0 ? 16 : 8; }

template <class T> status check_heads(const char* tensor, const heads_view<T>& view, int dim) {
  const int alignment = row_alignment(dim * sizeof(T));
  if (status s = check_pointers({{tensor, view.data}}); !s) return s;
  if (status s = check_alignment(tensor, view.data, alignment); !s) return s;
  return check_strides(tensor, alignment / static_cast<int>(sizeof(T)),
                       {{"head", view.head_stride, dim}, {"token", view.token_stride, dim}});
}

template <class T> status check_pages(const char* tensor, const paged_tensor<T>& pages, int dim) {
  const int alignment = row_alignment(dim * sizeof(T));
  if (status s = check_pointers({{tensor, pages.data}}); !s) return s;
  if (status s = check_alignment(tensor, pages.data, alignment); !s) return s;
  return check_strides(
      tensor, alignment / static_cast<int>(sizeof(T)),
      {{"page", pages.strides.page, dim}, {"slot", pages.strides.slot, dim}, {"head", pages.strides.head, dim}});
}

template <class Config> status check_shapes(const decode_arguments<Config>& r) {
  const kv_shape& kv = r.kv.shape;
  const auto refuse = [](const char* format, auto... values) {
    return status::failure(status_code::bad_shape, format, values...);
  };
  if (kv.head_dim != Config::head_dim || kv.value_dim != Config::value_dim)
    return refuse("the cache has head dim %d and value dim %d; this kernel was built for %d and %d", kv.head_dim,
                  kv.value_dim, Config::head_dim, Config::value_dim);
  if (kv.pages < 1 || kv.pages > INT32_MAX)
    return refuse("the cache has %lld pages; allowed are 1 to 2147483647", static_cast<long long>(kv.pages));
  if (kv.page_size < 1 || kv.page_size > (1 << 20))
    return refuse("the page size is %d tokens; allowed are 1 to 1048576", kv.page_size);
  if (kv.kv_heads < 1) return refuse("the cache has %d KV heads; there must be at least 1", kv.kv_heads);
  if (r.query.heads < 1 || r.query.heads % kv.kv_heads != 0)
    return refuse("%d query heads do not divide into groups over %d KV heads", r.query.heads, kv.kv_heads);
  if (r.requests.count < 0) return refuse("the batch has %d requests; there cannot be fewer than 0", r.requests.count);
  if (r.queries.per_request < 1 || r.queries.per_request > max_query_tokens)
    return refuse("%d query tokens per request; allowed are 1 to %d", r.queries.per_request, max_query_tokens);
  if (r.queries.indptr == nullptr && std::int64_t{r.requests.count} * r.queries.per_request != r.query.tokens)
    return refuse("the query has %d tokens, but %d requests of %d query tokens each need %lld", r.query.tokens,
                  r.requests.count, r.queries.per_request,
                  static_cast<long long>(r.requests.count) * r.queries.per_request);
  const auto& out = output_view<typename Config::out>::heads(r.out);
  if (out.tokens != r.query.tokens || out.heads != r.query.heads)
    return refuse("the output is [%d tokens, %d heads], but the query is [%d, %d]", out.tokens, out.heads,
                  r.query.tokens, r.query.heads);
  return status::success();
}

template <class Config> status check_tables_given(const decode_arguments<Config>& r) {
  if (status s = check_pointers({{"kv_indptr", r.requests.kv_indptr}, {"kv_indices", r.requests.kv_indices}}); !s)
    return s;
  if (r.kv.shape.page_size > 1) return check_pointers({{"kv_last_page_len", r.requests.kv_last_page_len}});
  return status::success();
}

/// Everything about a call that does not depend on the device.
template <class Config> status check_request(const decode_arguments<Config>& r) {
  status s = check_shapes(r);
  if (s.ok()) s = check_heads("query", r.query, Config::head_dim);
  if (s.ok()) s = check_heads("output", output_view<typename Config::out>::heads(r.out), Config::value_dim);
  if (s.ok()) s = check_pages("key cache", r.kv.k, Config::head_dim);
  if (s.ok()) s = check_pages("value cache", r.kv.v, Config::value_dim);
  if (s.ok()) s = check_tables_given(r);
  if (s.ok()) s = r.kv.descale.check();
  if (s.ok()) s = output_view<typename Config::out>::check(r.out);
  if (s.ok()) s = r.variant.check();
  if (s.ok() && !(std::isfinite(r.softmax_scale) && r.softmax_scale > 0.0f))
    s = status::failure(status_code::bad_scale, "the softmax scale is %g; it must be finite and positive",
                        static_cast<double>(r.softmax_scale));
  return s;
}

/// An fp8 cache written for one number format means other numbers in the other: refused, not converted.
template <class KV> status check_format(const platform::device_info& device) {
  using platform::fp8_hardware;
  constexpr bool fn = std::same_as<KV, fp8_e4m3fn>, fnuz = std::same_as<KV, fp8_e4m3fnuz>;
  if ((fn && device.fp8 == fp8_hardware::fnuz) || (fnuz && device.fp8 == fp8_hardware::fn))
    return status::failure(status_code::unsupported_device, "%s reads fp8_e4m3%s; this cache is fp8_e4m3%s",
                           device.name, fn ? "fnuz" : "fn", fn ? "fn" : "fnuz");
  return status::success();
}

}  // namespace paragon::detail
