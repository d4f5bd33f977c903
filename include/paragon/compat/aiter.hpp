#pragma once

#include <climits>
#include <cmath>
#include <paragon/dispatch/dispatch.hpp>
#include <string_view>
#include <utility>

/// aiter's `paged_attention_ragged` for callers that have it in place: its arguments in its order, its strings and
/// tensor shapes, on pointers and sizes.
///
///   namespace aiter = paragon::compat::aiter;
///   status s = aiter::paged_attention_ragged(
///       {out, {memory, bytes}, query, key_cache, value_cache, scale, kv_indptr, kv_page_indices, kv_last_page_lens,
///        block_size, max_num_partitions, nullptr, "fp8_e4m3", "NHD", 0.0f, k_scale, v_scale}, stream);
///
/// What is not as there:
/// - k_scale and v_scale are the layer's own, those that its cache was written with, and an fp8 cache is refused
/// without.
/// - An fp8 tensor says which e4m3 format it holds; the format must be one that the device reads.
/// - The workspace is what `workspace_size` asks for: it grows with the number of requests and the size of the device,
///   not with the longest context, and it is checked.
/// - Any block size from 1, any number of query heads per KV head, K and V with strides of their own, length 0 (zeros).
/// - Queries stay as they are, probabilities stay 16 bits wide: with an fp8 cache neither is rounded to fp8.
/// - mtp > 1 is causal: of a request's query tokens each sees those before it, but not those behind.
/// - An fp8 output can be had. Its scale is a value, not a pointer: it is an argument of the kernel.
/// - Kernels are compiled with the program, those of the two lists that the functions take; never at run time.
namespace paragon::compat::aiter {

/// What of a torch tensor the call needs. Strides in elements; the last one must be 1.
template <int Rank, class Data = const void> struct tensor {
  Data* data;
  element_type dtype;
  std::array<std::int64_t, Rank> sizes;
  std::array<std::int64_t, Rank> strides;
};

/// A tensor without gaps.
template <class Data, std::size_t Rank>
constexpr tensor<static_cast<int>(Rank), Data> contiguous(Data* data, element_type dtype,
                                                          const std::int64_t (&sizes)[Rank]) {
  tensor<static_cast<int>(Rank), Data> t{data, dtype, {}, {}};
  std::int64_t stride = 1;
  for (std::size_t i = Rank; i-- > 0; stride *= sizes[i]) {
    t.sizes[i] = sizes[i];
    t.strides[i] = stride;
  }
  return t;
}

/// The arguments, in aiter's order and by aiter's names. All pointers are to device memory.
struct ragged_arguments {
  tensor<3, void> out;         ///< [rows, query heads, head dim] of the query's dtype, or fp8 with `fp8_out_scale`
  workspace workspace_buffer;  ///< at least what `workspace_size` says, aligned to 256 bytes
  /// bf16 or fp16. Its rows are the query tokens, `mtp` of each request one after the other: row r * mtp + j is token j
  /// of request r, so that rows = requests * mtp.
  tensor<3> query;
  tensor<4> key_cache;  ///< NHD [blocks, block size, KV heads, head dim], HND [blocks, KV heads, block size, head dim]
  tensor<4> value_cache;                  ///< the same shape
  float scale;                            ///< of the softmax
  const std::int32_t* kv_indptr;          ///< [requests + 1]
  const std::int32_t* kv_page_indices;    ///< [kv_indptr[requests]]
  const std::int32_t* kv_last_page_lens;  ///< [requests]; not read if the block size is 1
  std::int64_t block_size;
  /// Has no meaning here: work is divided by what the tables hold, not by a longest context.
  std::int64_t max_num_partitions;
  const float* alibi_slopes;         ///< [query heads], or null
  std::string_view kv_cache_dtype;   ///< "auto" (the query's dtype), "fp8" or "fp8_e4m3"
  std::string_view kv_cache_layout;  ///< "NHD" or "HND"
  float logits_soft_cap;             ///< 0: none
  const float*
      k_scale;  ///< one float: real key = stored * k_scale. Not read with "auto": such caches hold real numbers
  const float* v_scale;                     ///< the same for values
  std::optional<float> fp8_out_scale = {};  ///< stored = real / fp8_out_scale
  std::int64_t partition_size = 256;        ///< has no meaning here; see max_num_partitions
  std::int64_t mtp = 1;                     ///< query tokens per request, 1 to 8
};

/// Element types that kernels are compiled for.
template <class Query, class KV, class Out = Query> struct element_types {
  using query = Query;
  using kv = KV;
  using out = Out;
};
template <class... Types> struct type_list {};
template <int... Dims> struct head_dims {};

/// Both query types with caches of their own type and of either fp8 format.
using default_types =
    type_list<element_types<bf16, bf16>, element_types<bf16, fp8_e4m3fn>, element_types<bf16, fp8_e4m3fnuz>,
              element_types<fp16, fp16>, element_types<fp16, fp8_e4m3fn>, element_types<fp16, fp8_e4m3fnuz>>;
using default_head_dims = head_dims<64, 128>;

namespace detail {

/// The two things that aiter does to logits, each off unless its argument is given: one kernel serves calls with either
/// and with both, a second one those with neither.
struct cap_and_slopes {
  float cap;
  const float* slopes;

  PARAGON_DEVICE float operator()(float x, const logit_position& at) const {
    if (cap > 0.0f) x = soft_cap{cap}.logit(x, at);
    if (slopes != nullptr) x = alibi{slopes}.logit(x, at);
    return x;
  }
};
using mapped_logits = variant<logits_transform<cap_and_slopes>>;

template <class Types, class Variant, class Layout, int HeadDim>
using config = decode_config<typename Types::query, typename Types::kv, Layout, HeadDim,
                             std::conditional_t<fp8_element<typename Types::kv>, per_tensor_on_device, unscaled>,
                             Variant, typename Types::out>;

/// The dispatch over all combinations of types, layouts and head dims.
template <class Types, class HeadDims, class Variant> struct engine_of;
template <class... Types, int... Dims, class Variant>
struct engine_of<type_list<Types...>, head_dims<Dims...>, Variant> {
  static constexpr std::size_t dims = sizeof...(Dims), count = sizeof...(Types) * dims;
  static constexpr int dim_at[] = {Dims...};
  template <std::size_t I, class Layout>
  using config_at = config<std::tuple_element_t<I / dims, std::tuple<Types...>>, Variant, Layout, dim_at[I % dims]>;
  template <std::size_t... I>
  static dispatch<config_at<I, nhd>..., config_at<I, hnd>...> list(std::index_sequence<I...>);
  using type = decltype(list(std::make_index_sequence<count>{}));
};
template <class Types, class HeadDims, class Variant> using engine = typename engine_of<Types, HeadDims, Variant>::type;

/// A torch stride of an extent of 1 may be anything, because nothing is ever multiplied with it.
template <class Tensor> std::int64_t stride(const Tensor& t, std::size_t i) {
  return t.sizes[i] == 1 ? t.sizes.back() : t.strides[i];
}

template <class Tensor> status check_tensor(const char* name, const Tensor& t) {
  for (const std::int64_t size : t.sizes)
    if (size < 0 || size > INT_MAX)
      return status::failure(status_code::bad_shape, "a size of %s is %lld; allowed are 0 to 2147483647", name,
                             static_cast<long long>(size));
  if (t.strides.back() != 1 && t.sizes.back() != 1)
    return status::failure(status_code::bad_stride, "the last stride of %s is %lld elements; it must be 1", name,
                           static_cast<long long>(t.strides.back()));
  return status::success();
}

inline status check_cache(const ragged_arguments& a, std::size_t block_axis) {
  for (std::size_t i = 0; i < 4; ++i)
    if (a.key_cache.sizes[i] != a.value_cache.sizes[i])
      return status::failure(status_code::bad_shape, "size %zu of key_cache is %lld, but that of value_cache is %lld",
                             i, static_cast<long long>(a.key_cache.sizes[i]),
                             static_cast<long long>(a.value_cache.sizes[i]));
  if (a.key_cache.dtype != a.value_cache.dtype)
    return status::failure(status_code::unsupported_dtype, "key_cache is %s, but value_cache is %s",
                           name_of(a.key_cache.dtype), name_of(a.value_cache.dtype));
  if (a.key_cache.sizes[block_axis] != a.block_size)
    return status::failure(status_code::bad_shape,
                           "block_size is %lld, but in layout %.*s the cache has blocks of %lld",
                           static_cast<long long>(a.block_size), static_cast<int>(a.kv_cache_layout.size()),
                           a.kv_cache_layout.data(), static_cast<long long>(a.key_cache.sizes[block_axis]));
  return status::success();
}

inline status check_dtype(const ragged_arguments& a) {
  kv_cache_dtype named{};
  if (status s = parse_kv_cache_dtype(a.kv_cache_dtype, named); !s) return s;
  const bool fits = named == kv_cache_dtype::automatic ? a.key_cache.dtype == a.query.dtype : is_fp8(a.key_cache.dtype);
  if (!fits)
    return status::failure(status_code::unsupported_dtype,
                           "kv_cache_dtype is \"%.*s\", but the cache is %s and the query %s; \"auto\" is a cache of "
                           "the query's type, \"fp8\" and \"fp8_e4m3\" are fp8_e4m3fn or fp8_e4m3fnuz",
                           static_cast<int>(a.kv_cache_dtype.size()), a.kv_cache_dtype.data(),
                           name_of(a.key_cache.dtype), name_of(a.query.dtype));
  return status::success();
}

inline status parse_layout(std::string_view text, cache_layout& layout) {
  if (text != "NHD" && text != "HND")
    return status::failure(status_code::bad_shape, "kv_cache_layout \"%.*s\" is not known; accepted are NHD and HND",
                           static_cast<int>(std::min<std::size_t>(text.size(), 64)), text.data());
  layout = text == "NHD" ? cache_layout::nhd : cache_layout::hnd;
  return status::success();
}

inline status check_rows(const ragged_arguments& a) {
  if (a.mtp < 1 || a.mtp > max_query_tokens || a.query.sizes[0] % a.mtp != 0)
    return status::failure(status_code::bad_shape,
                           "mtp is %lld and the query has %lld rows; mtp must be 1 to %d and divide them",
                           static_cast<long long>(a.mtp), static_cast<long long>(a.query.sizes[0]), max_query_tokens);
  if (a.out.sizes[2] != a.value_cache.sizes[3] || a.query.sizes[2] != a.key_cache.sizes[3])
    return status::failure(status_code::bad_shape, "the head dims of query, caches and out are %lld, %lld and %lld",
                           static_cast<long long>(a.query.sizes[2]), static_cast<long long>(a.key_cache.sizes[3]),
                           static_cast<long long>(a.out.sizes[2]));
  if (!(std::isfinite(a.logits_soft_cap) && a.logits_soft_cap >= 0.0f))
    return status::failure(status_code::bad_scale,
                           "logits_soft_cap is %g; it must be finite and positive, or 0 for none",
                           static_cast<double>(a.logits_soft_cap));
  return status::success();
}

/// Everything that dispatch does not check.
inline status check(const ragged_arguments& a, cache_layout& layout) {
  status s = check_tensor("out", a.out);
  if (s.ok()) s = check_tensor("query", a.query);
  if (s.ok()) s = check_tensor("key_cache", a.key_cache);
  if (s.ok()) s = check_tensor("value_cache", a.value_cache);
  if (s.ok()) s = parse_layout(a.kv_cache_layout, layout);
  if (s.ok()) s = check_cache(a, layout == cache_layout::nhd ? 1 : 2);
  if (s.ok()) s = check_dtype(a);
  if (s.ok()) s = check_rows(a);
  return s;
}

template <class Void, class Data> heads_view<Void> rows_of(const tensor<3, Data>& t) {
  return {t.data, static_cast<int>(t.sizes[0]), static_cast<int>(t.sizes[1]), stride(t, 0), stride(t, 1)};
}
inline page_strides strides_of(const tensor<4>& t, cache_layout layout) {
  const std::size_t slot = layout == cache_layout::nhd ? 1 : 2;
  return {stride(t, 0), stride(t, slot), stride(t, 3 - slot)};
}

/// Precondition: `check` passed.
template <class Variant>
decode_request<Variant> request_of(const ragged_arguments& a, cache_layout layout, const Variant& variant) {
  const auto& sizes = a.key_cache.sizes;
  const int heads = static_cast<int>(sizes[layout == cache_layout::nhd ? 2 : 1]);
  const kv_shape shape{sizes[0], static_cast<int>(a.block_size), heads, static_cast<int>(sizes[3])};
  any_descale descale = unscaled{};
  if (is_fp8(a.key_cache.dtype)) descale = per_tensor_on_device{a.k_scale, a.v_scale};
  return {.query = {a.query.dtype, rows_of<const void>(a.query)},
          .kv = {.type = a.key_cache.dtype,
                 .layout = layout,
                 .keys = a.key_cache.data,
                 .values = a.value_cache.data,
                 .shape = shape,
                 .descale = descale,
                 .key_strides = strides_of(a.key_cache, layout),
                 .value_strides = strides_of(a.value_cache, layout)},
          .requests = {static_cast<int>(a.query.sizes[0] / a.mtp), a.kv_indptr, a.kv_page_indices, a.kv_last_page_lens},
          .queries = {.per_request = static_cast<int>(a.mtp)},
          .out = {a.out.dtype, rows_of<void>(a.out), a.fp8_out_scale},
          .softmax_scale = a.scale,
          .variant = variant};
}

/// Checks the call and hands f.operator()<engine>(request) what is to be done.
template <class HeadDims, class Types, class F> status with_engine(const ragged_arguments& a, F f) {
  cache_layout layout{};
  if (status s = check(a, layout); !s) return s;
  if (a.logits_soft_cap == 0.0f && a.alibi_slopes == nullptr)
    return f.template operator()<engine<Types, HeadDims, variant<>>>(request_of(a, layout, variant<>{}));
  const mapped_logits logits{{{a.logits_soft_cap, a.alibi_slopes}}};
  return f.template operator()<engine<Types, HeadDims, mapped_logits>>(request_of(a, layout, logits));
}

}  // namespace detail

/// Bytes of workspace for a call: those of `decode<Config>::workspace_size`. `workspace_buffer` is not looked at.
template <class HeadDims = default_head_dims, class Types = default_types>
status workspace_size(const ragged_arguments& a, std::size_t& bytes) {
  return detail::with_engine<HeadDims, Types>(
      a, [&]<class Engine>(const typename Engine::request& r) { return Engine::workspace_size(r, bytes); });
}

/// Decode attention with aiter's arguments. `HeadDims` and `Types` say which kernels are compiled; a call that needs
/// another one is refused with the list.
///
///   paged_attention_ragged<head_dims<128>, type_list<element_types<bf16, fp8_e4m3fnuz, fp8_e4m3fnuz>>>(...)
template <class HeadDims = default_head_dims, class Types = default_types>
status paged_attention_ragged(const ragged_arguments& a, platform::stream stream) {
  return detail::with_engine<HeadDims, Types>(
      a, [&]<class Engine>(const typename Engine::request& r) { return Engine::run(r, a.workspace_buffer, stream); });
}

}  // namespace paragon::compat::aiter
