#pragma once

#include <optional>
#include <paragon/decode/variant.hpp>
#include <paragon/dispatch/element_type.hpp>
#include <paragon/view/view.hpp>
#include <variant>

/// A decode call whose types are values: what `dispatch` takes. Field by field the `decode_arguments` of a
/// configuration.
namespace paragon {

/// The layouts as values.
enum class cache_layout { nhd, hnd };

/// A descale policy as a value. `unscaled` means that none was given: right for a 16-bit cache and refused for an fp8
/// cache, which has no default.
using any_descale = std::variant<unscaled, per_tensor, per_tensor_on_device, per_head, per_token_head>;

/// Queries of either type.
struct any_query {
  element_type type;
  heads_view<const void> rows;  ///< [query tokens, query heads, head dim], strides in elements
};

/// A paged KV cache of any element type.
struct any_cache {
  element_type type;
  cache_layout layout;
  const void* keys;
  const void* values;
  kv_shape shape;
  any_descale descale = unscaled{};
  std::optional<page_strides> key_strides = {};    ///< in elements; default: contiguous in the layout
  std::optional<page_strides> value_strides = {};  ///< likewise, of the values' own
};

/// An output of any type.
struct any_output {
  element_type type;
  heads_view<void> rows;            ///< [query tokens, query heads, value dim], strides in elements
  std::optional<float> scale = {};  ///< stored = real / scale: an fp8 output needs one, no other takes one
};

/// One call. `Variant` is a type here too: it is what all configurations of a list have in common.
template <class Variant = variant<>> struct decode_request {
  any_query query;
  any_cache kv;
  ragged_requests requests;
  query_tokens queries = {};  ///< default: one query token per request
  any_output out;
  any_lse lse = {};  ///< optional: lse_base2 or lse_natural
  float softmax_scale;
  [[no_unique_address]] Variant variant = {};
};

namespace detail {

/// Refuses a scale that is missing and one that the type does not take, before anything is looked up.
inline status check_scales_given(const any_cache& kv, const any_output& out) {
  const bool descale_given = !std::holds_alternative<unscaled>(kv.descale);
  if (is_fp8(kv.type) && !descale_given)
    return status::failure(status_code::bad_scale,
                           "an %s cache cannot be read without its descale: give the layer's own factors, for example "
                           "per_tensor{k_descale, v_descale}",
                           name_of(kv.type));
  if (!is_fp8(kv.type) && descale_given)
    return status::failure(status_code::bad_scale, "a %s cache holds real numbers: it takes no descale",
                           name_of(kv.type));
  if (is_fp8(out.type) && !out.scale)
    return status::failure(status_code::bad_scale,
                           "an %s output cannot be written without its scale: stored = real / scale",
                           name_of(out.type));
  if (!is_fp8(out.type) && out.scale)
    return status::failure(status_code::bad_scale, "a %s output holds real numbers: it takes no scale",
                           name_of(out.type));
  return status::success();
}

}  // namespace detail
}  // namespace paragon
