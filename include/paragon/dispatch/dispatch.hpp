#pragma once

#include <algorithm>
#include <array>
#include <paragon/decode/decode.hpp>
#include <paragon/dispatch/config_key.hpp>

namespace paragon {

namespace detail {

template <class T> inline constexpr bool is_decode_config = false;
template <class Query, class KV, class Layout, int HeadDim, class Descale, class Variant, class Out, int ValueDim>
inline constexpr bool is_decode_config<decode_config<Query, KV, Layout, HeadDim, Descale, Variant, Out, ValueDim>> =
    true;

template <std::size_t Count> constexpr bool all_distinct(const std::array<config_key, Count>& keys) {
  for (auto key = keys.begin(); key != keys.end(); ++key)
    if (std::find(key + 1, keys.end(), *key) != keys.end()) return false;
  return true;
}

/// The configuration that a request is decoded with. Requests carry strides by value, so that configurations that
/// differ in nothing but their layout share one instantiation.
template <class Config>
using strided_config =
    decode_config<typename Config::query, typename Config::kv, nhd, Config::head_dim, typename Config::descale,
                  typename Config::variant_type, typename Config::out, Config::value_dim>;

template <class Config> paged_kv<typename Config::kv, nhd, typename Config::descale> typed_cache(const any_cache& kv) {
  using element = typename Config::kv;
  const auto tensor = [&](const void* pages, const std::optional<page_strides>& strides, int dim) {
    const auto contiguous = kv.layout == cache_layout::nhd ? nhd::strides : hnd::strides;
    return paged_tensor<element>{static_cast<const element*>(pages),
                                 strides ? *strides : contiguous(kv.shape.page_size, kv.shape.kv_heads, dim)};
  };
  const auto keys = tensor(kv.keys, kv.key_strides, kv.shape.head_dim);
  const auto values = tensor(kv.values, kv.value_strides, kv.shape.value_dim);
  if constexpr (fp8_element<element>)
    return {keys, values, kv.shape, *std::get_if<typename Config::descale>(&kv.descale)};
  else
    return {keys, values, kv.shape};
}

template <class T, class Void> heads_view<T> typed_heads(const heads_view<Void>& rows) {
  return {static_cast<T*>(rows.data), rows.tokens, rows.heads, rows.token_stride, rows.head_stride};
}

template <class Out> typename output_view<Out>::type typed_output(const any_output& out) {
  if constexpr (fp8_element<Out>)
    return {typed_heads<Out>(out.rows), *out.scale};
  else
    return typed_heads<Out>(out.rows);
}

/// Precondition: the request has the configuration's key, and the scales it needs are given.
template <class Config, class Variant>
decode_arguments<strided_config<Config>> typed_arguments(const decode_request<Variant>& r) {
  return {.query = typed_heads<const typename Config::query>(r.query.rows),
          .kv = typed_cache<Config>(r.kv),
          .requests = r.requests,
          .queries = r.queries,
          .out = typed_output<typename Config::out>(r.out),
          .lse = r.lse,
          .softmax_scale = r.softmax_scale,
          .variant = r.variant};
}

/// The refusal of a request that no configuration of the list decodes.
inline status not_in_list(const config_key& asked, const config_key* list, std::size_t count) {
  char names[512];  // longer than a status holds, so that a list cut off here ends in the status's "..."
  std::size_t length = 0;
  for (std::size_t i = 0; i < count && length < sizeof(names); ++i)
    length += static_cast<std::size_t>(
        std::snprintf(names + length, sizeof(names) - length, "%s%s", i == 0 ? "" : ", ", config_name{list[i]}.text()));
  return status::failure(status_code::not_in_list, "%s is not among the configurations that were compiled: %s",
                         config_name{asked}.text(), names);
}

}  // namespace detail

/// Decode attention for types that are known at run time: looks a request up in a list of configurations that the user
/// chose, and decodes it with that one.
///
///   using engine = paragon::dispatch<decode_config<bf16, bf16, nhd, 128>, decode_config<bf16, fp8_e4m3fn, nhd, 128>>;
///   engine::request request{.query = {element_type::bf16, ...}, .kv = {element_type::fp8_e4m3fn, ...}, ...};
///   status s = engine::run(request, workspace, stream);
///
/// The list may mix query, cache and output types, layouts, head dims and descale policies. Its variant is one: values
/// of it go through the request as they are. Group size, page size, head counts and lengths are values anyway.
///
/// The calls are those of `decode<Config>`. Further refusals: `not_in_list` names what was asked for and the list;
/// `bad_scale` a scale that is missing or that the type does not take.
template <class... Configs> class dispatch {
  static_assert(sizeof...(Configs) > 0, "a list for dispatch holds at least one decode_config");
  static_assert((detail::is_decode_config<Configs> && ...), "a list for dispatch holds decode_config<...> types only");

  template <class First, class...> struct first_of { using type = First; };
  using first = typename first_of<Configs...>::type;
  static constexpr std::array list{detail::key_of_config<Configs>...};

 public:
  /// What the list has in common.
  using variant_type = typename first::variant_type;
  using request = decode_request<variant_type>;

  static_assert((std::same_as<typename Configs::variant_type, variant_type> && ...),
                "the configurations of a list for dispatch have one variant in common: its values are part of the "
                "request, so that lists with different variants are different engines");
  static_assert(detail::all_distinct(list), "a list for dispatch holds the same configuration twice");

  /// See decode<Config>::workspace_size.
  static status workspace_size(const request& r, std::size_t& bytes) {
    return with_config(
        r, [&]<class Decode>(const typename Decode::arguments& a) { return Decode::workspace_size(a, bytes); });
  }

  /// Plans, then decodes.
  static status run(const request& r, const workspace& w, platform::stream stream) {
    return with_config(r, [&]<class Decode>(const typename Decode::arguments& a) { return Decode::run(a, w, stream); });
  }

  /// Once per step; see decode<Config>::plan. Plans of configurations that differ are not interchangeable.
  static status plan(const request& r, const workspace& w, platform::stream stream) {
    return with_config(r,
                       [&]<class Decode>(const typename Decode::arguments& a) { return Decode::plan(a, w, stream); });
  }

  /// Once per layer; see decode<Config>::run_planned.
  static status run_planned(const request& r, const workspace& w, platform::stream stream) {
    return with_config(
        r, [&]<class Decode>(const typename Decode::arguments& a) { return Decode::run_planned(a, w, stream); });
  }

  /// Checked mode; see decode<Config>::check_tables.
  static status check_tables(const request& r, const workspace& w, platform::stream stream) {
    return with_config(
        r, [&]<class Decode>(const typename Decode::arguments& a) { return Decode::check_tables(a, w, stream); });
  }

 private:
  /// Calls f.operator()<decode<...>>(typed arguments) for the configuration of the request.
  template <class F> static status with_config(const request& r, F f) {
    if (status s = detail::check_scales_given(r.kv, r.out); !s) return s;
    const config_key asked = detail::key_of_request(r);
    status result;
    const auto try_config = [&]<class Config>() {
      if (asked != detail::key_of_config<Config>) return false;
      result = f.template operator()<decode<detail::strided_config<Config>>>(detail::typed_arguments<Config>(r));
      return true;
    };
    const bool found = (try_config.template operator()<Configs>() || ...);
    return found ? result : detail::not_in_list(asked, list.data(), list.size());
  }
};

}  // namespace paragon
