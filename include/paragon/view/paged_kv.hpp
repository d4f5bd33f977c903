#pragma once

#include <paragon/view/descale.hpp>

namespace paragon {

/// K or V of a paged cache: pages in device memory and their strides.
template <class T> struct paged_tensor {
  const T* data;
  page_strides strides;
};

/// View of one layer's paged KV cache; owns nothing.
///
///   paged_kv<bf16>                          kv{k, v, shape};
///   paged_kv<fp8_e4m3fn>                    kv{k, v, shape, per_tensor{k_descale, v_descale}};
///   paged_kv<fp8_e4m3fnuz, hnd, per_head>   kv{k, v, shape, per_head{k_descales, v_descales}};
///
/// With pointers the pages are contiguous in the layout; `paged_tensor`s give K and V strides of their own. An fp8 view
/// without a descale does not compile, nor does a 16-bit view with one.
template <class T, page_layout Layout = nhd, class Descale = default_descale<T>> class paged_kv {
  static_assert(kv_element<T>, "the KV element type must be fp8_e4m3fn, fp8_e4m3fnuz, bf16 or fp16");
  static_assert(!fp8_element<T> || descale_policy<Descale>,
                "an fp8 KV cache needs a descale policy: per_tensor, per_tensor_on_device, per_head or per_token_head");
  static_assert(fp8_element<T> || std::same_as<Descale, unscaled>,
                "a 16-bit KV cache holds real numbers: it takes no descale policy");

 public:
  using element = T;
  using layout = Layout;
  using descale_type = Descale;

  /// 16-bit cache.
  template <class Element = T>
  constexpr paged_kv(paged_tensor<T> keys, paged_tensor<T> values, const kv_shape& sizes)
      : k{keys}, v{values}, shape{sizes}, descale{} {
    static_assert(!fp8_element<Element>,
                  "an fp8 KV cache cannot be read without its descale: pass the layer's own factors, for example "
                  "per_tensor{k_descale, v_descale}");
  }
  template <class Element = T>
  constexpr paged_kv(const T* keys, const T* values, const kv_shape& sizes)
      : paged_kv{contiguous(keys, sizes, sizes.head_dim), contiguous(values, sizes, sizes.value_dim), sizes} {
    static_assert(!fp8_element<Element>,
                  "an fp8 KV cache cannot be read without its descale: pass the layer's own factors, for example "
                  "per_tensor{k_descale, v_descale}");
  }

  /// fp8 cache.
  template <class Given>
  constexpr paged_kv(paged_tensor<T> keys, paged_tensor<T> values, const kv_shape& sizes, const Given& factors)
      : k{keys}, v{values}, shape{sizes}, descale{checked(factors)} {}
  template <class Given>
  constexpr paged_kv(const T* keys, const T* values, const kv_shape& sizes, const Given& factors)
      : paged_kv{contiguous(keys, sizes, sizes.head_dim), contiguous(values, sizes, sizes.value_dim), sizes, factors} {}

  paged_tensor<T> k;
  paged_tensor<T> v;
  kv_shape shape;
  Descale descale;

 private:
  static constexpr paged_tensor<T> contiguous(const T* pages, const kv_shape& sizes, int dim) {
    return {pages, Layout::strides(sizes.page_size, sizes.kv_heads, dim)};
  }
  template <class Given> static constexpr const Descale& checked(const Given& factors) {
    static_assert(fp8_element<T>, "a 16-bit KV cache holds real numbers: it takes no descale");
    static_assert(!fp8_element<T> || std::same_as<Given, Descale>,
                  "the descale given is not of the view's policy: name it, as in paged_kv<fp8_e4m3fn, nhd, per_head>");
    return factors;
  }
};

}  // namespace paragon
