#pragma once

#include <cstdint>
#include <numbers>
#include <paragon/types.hpp>

namespace paragon {

/// A tensor [tokens, heads, dim] in device memory: queries (T const) or outputs. Strides in elements; rows contiguous.
template <class T> struct heads_view {
  T* data;
  int tokens;
  int heads;
  std::int64_t token_stride;
  std::int64_t head_stride;
};

/// View of a contiguous [tokens, heads, dim] tensor.
template <class T> constexpr heads_view<T> contiguous_heads(T* data, int tokens, int heads, int dim) {
  return {data, tokens, heads, std::int64_t{heads} * dim, dim};
}

/// An fp8 output: stored = saturate(real / scale). The scale has no default.
template <fp8_element T> struct scaled_heads_view {
  constexpr scaled_heads_view(const heads_view<T>& view, float factor) : heads{view}, scale{factor} {}

  heads_view<T> heads;
  float scale;
};

/// Log-sum-exp of the logits of each query row, float32 [tokens, heads] in device memory, in the base that the type
/// says; -inf for a row that saw no token. Strides in elements.
template <bool Base2> struct lse_view {
  float* data;
  std::int64_t token_stride;
  std::int64_t head_stride = 1;

  /// What a base-2 logarithm is multiplied with to be stored.
  static constexpr float unit = Base2 ? 1.0f : std::numbers::ln2_v<float>;
};
/// log2(sum_t 2^(logit_t * log2 e))
using lse_base2 = lse_view<true>;
/// ln(sum_t e^logit_t)
using lse_natural = lse_view<false>;

/// An LSE output of either base, or none.
struct any_lse {
  float* data = nullptr;
  std::int64_t token_stride = 0;
  std::int64_t head_stride = 0;
  float unit = 1.0f;

  constexpr any_lse() = default;
  template <bool Base2>
  constexpr any_lse(const lse_view<Base2>& view)  // NOLINT: the views are meant to convert
      : data{view.data}, token_stride{view.token_stride}, head_stride{view.head_stride}, unit{view.unit} {}
};

}  // namespace paragon
