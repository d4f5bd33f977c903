#pragma once

#include <paragon/decode/arguments.hpp>

namespace paragon {

/// What a decode kernel is built for.
///
///   Query      bf16 or fp16
///   KV         fp8_e4m3fn, fp8_e4m3fnuz (with either query type), or the query type itself
///   Layout     nhd, hnd
///   HeadDim    dim of queries and keys: a multiple of 8 from 8 to 512
///   Descale    policy of an fp8 cache; default per_tensor (its factors have no default)
///   Variant    variant<...> of soft_cap, alibi, sliding_window, attention_sinks, logits_transform<F>
///   Out        the query type, float, or an fp8 type (which needs an output scale)
///   ValueDim   dim of values and outputs; default HeadDim
///
/// Group size, page size, head counts and lengths are values, not types: one kernel serves them all.
template <class Query, class KV, class Layout, int HeadDim, class Descale = default_descale<KV>,
          class Variant = variant<>, class Out = Query, int ValueDim = HeadDim>
struct decode_config {
  static_assert(half_element<Query>, "the query type must be bf16 or fp16");
  static_assert(kv_element<KV>, "the KV element type must be fp8_e4m3fn, fp8_e4m3fnuz, bf16 or fp16");
  static_assert(is_variant<Variant>, "the variant must be variant<...>, as in variant<soft_cap, sliding_window>");
  static_assert(fp8_element<KV> || std::same_as<KV, Query>,
                "a 16-bit KV cache must have the query's type: mixing bf16 and fp16 would round one of them");
  static_assert(page_layout<Layout>, "the layout must be nhd, hnd or a type with strides(page_size, kv_heads, dim)");
  static_assert(HeadDim >= 8 && HeadDim <= 512 && HeadDim % 8 == 0,
                "the head dim must be a multiple of 8 from 8 to 512");
  static_assert(ValueDim >= 8 && ValueDim <= 512 && ValueDim % 8 == 0,
                "the value dim must be a multiple of 8 from 8 to 512");
  static_assert(std::same_as<Out, Query> || std::same_as<Out, float> || fp8_element<Out>,
                "the output type must be the query's type, float, fp8_e4m3fn or fp8_e4m3fnuz");

  using query = Query;
  using kv = KV;
  using layout = Layout;
  using descale = Descale;
  using variant_type = Variant;
  using out = Out;
  static constexpr int head_dim = HeadDim;
  static constexpr int value_dim = ValueDim;

  using traits = kernel_traits<Query, KV, HeadDim, ValueDim, Descale, Variant, Out>;
};

namespace detail {
template <class Out> struct output_view {
  using type = heads_view<Out>;
  static constexpr const type& heads(const type& view) { return view; }
  static constexpr float factor(const type&) { return 1.0f; }
  static status check(const type&) { return status::success(); }
};
template <fp8_element Out> struct output_view<Out> {
  using type = scaled_heads_view<Out>;
  static constexpr const heads_view<Out>& heads(const type& view) { return view.heads; }
  static constexpr float factor(const type& view) { return 1.0f / view.scale; }
  static status check(const type& view) {
    if (std::isfinite(view.scale) && view.scale > 0.0f) return status::success();
    return status::failure(status_code::bad_scale, "the output scale is %g; it must be finite and positive",
                           static_cast<double>(view.scale));
  }
};
}  // namespace detail

/// One call's arguments: views of device memory, owned by the caller.
///
///   out[i, h, :] = sum_t softmax_t(softmax_scale * <query[i, h, :], K[t, g, :]>) * V[t, g, :],   g = h / group size
///
/// over the tokens t that row i sees, K and V being the stored elements times their descale. The group size is
/// query heads / KV heads.
template <class Config> struct decode_arguments {
  heads_view<const typename Config::query> query;  ///< [query tokens, query heads, head dim]
  paged_kv<typename Config::kv, typename Config::layout, typename Config::descale> kv;
  ragged_requests requests;
  query_tokens queries = {};                                     ///< default: one query token per request
  typename detail::output_view<typename Config::out>::type out;  ///< [query tokens, query heads, value dim]
  any_lse lse = {};                                              ///< optional: lse_base2 or lse_natural
  float softmax_scale;
  [[no_unique_address]] typename Config::variant_type variant = {};
};

}  // namespace paragon
