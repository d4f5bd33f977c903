#pragma once

#include <concepts>
#include <paragon/view/paged_kv.hpp>
#include <type_traits>

namespace paragon {

/// K or V of a paged cache that is written to: pages in device memory and their strides.
template <class T> struct paged_target {
  T* data;
  page_strides strides;
};

/// The factors of a `per_token_head` cache that is written to: a row that is appended gets the factor that uses the
/// format's whole range for it. Laid out as `per_token_head` says.
struct per_token_head_target {
  float* key;
  float* value;
  page_strides strides;

  static constexpr bool by_token = true;
  PARAGON_HD constexpr per_token_head read() const { return {key, value, strides}; }
  status check() const { return read().check(); }
};

/// One layer's paged KV cache as `append` writes it; owns nothing. The same sizes, layouts and descale policies as
/// `paged_kv`, and the same rule: an fp8 cache without a descale does not compile, nor does a 16-bit cache with one.
///
///   paged_kv_writer<bf16>                              cache{k, v, shape};
///   paged_kv_writer<fp8_e4m3fn>                        cache{k, v, shape, per_tensor{k_descale, v_descale}};
///   paged_kv_writer<fp8_e4m3fn, hnd, per_token_head>   cache{k, v, shape, per_token_head_target{k_out, v_out,
///   strides}};
///
/// `Descale` names the policy of the reader. Its factors are read, those of `per_token_head` are written.
template <kv_element T, page_layout Layout = nhd, class Descale = default_descale<T>> class paged_kv_writer {
 public:
  using element = T;
  using layout = Layout;
  /// The view that decode reads from.
  using reader = paged_kv<T, Layout, Descale>;
  /// What the constructor takes: the reader's policy, but with factors that can be written if appending finds them.
  using descale_type = std::conditional_t<std::same_as<Descale, per_token_head>, per_token_head_target, Descale>;

  static_assert(sizeof(reader) > 0);  // completes the type, so that its rules for the policy hold here too

  /// 16-bit cache.
  template <class Element = T>
  constexpr paged_kv_writer(paged_target<T> keys, paged_target<T> values, const kv_shape& sizes)
      : k{keys}, v{values}, shape{sizes}, descale{} {
    static_assert(!fp8_element<Element>,
                  "an fp8 KV cache cannot be written without its descale: pass the layer's own factors, for example "
                  "per_tensor{k_descale, v_descale}");
  }
  template <class Element = T>
  constexpr paged_kv_writer(T* keys, T* values, const kv_shape& sizes)
      : paged_kv_writer{contiguous(keys, sizes, sizes.head_dim), contiguous(values, sizes, sizes.value_dim), sizes} {
    static_assert(!fp8_element<Element>,
                  "an fp8 KV cache cannot be written without its descale: pass the layer's own factors, for example "
                  "per_tensor{k_descale, v_descale}");
  }

  /// fp8 cache.
  template <class Given>
  constexpr paged_kv_writer(paged_target<T> keys, paged_target<T> values, const kv_shape& sizes, const Given& factors)
      : k{keys}, v{values}, shape{sizes}, descale{checked(factors)} {}
  template <class Given>
  constexpr paged_kv_writer(T* keys, T* values, const kv_shape& sizes, const Given& factors)
      : paged_kv_writer{contiguous(keys, sizes, sizes.head_dim), contiguous(values, sizes, sizes.value_dim), sizes,
                        factors} {}

  /// The same cache for decode.
  constexpr reader read() const {
    const paged_tensor<T> keys{k.data, k.strides}, values{v.data, v.strides};
    if constexpr (!fp8_element<T>) {
      return {keys, values, shape};
    } else if constexpr (descale_type::by_token) {
      return {keys, values, shape, descale.read()};
    } else {
      return {keys, values, shape, descale};
    }
  }

  paged_target<T> k;
  paged_target<T> v;
  kv_shape shape;
  descale_type descale;

 private:
  static constexpr paged_target<T> contiguous(T* pages, const kv_shape& sizes, int dim) {
    return {pages, Layout::strides(sizes.page_size, sizes.kv_heads, dim)};
  }
  template <class Given> static constexpr const descale_type& checked(const Given& factors) {
    static_assert(fp8_element<T>, "a 16-bit KV cache holds real numbers: it takes no descale");
    static_assert(!fp8_element<T> || std::same_as<Given, descale_type>,
                  "the descale given is not of the cache's policy: name it, as in "
                  "paged_kv_writer<fp8_e4m3fn, nhd, per_head>; per_token_head takes a per_token_head_target");
    return factors;
  }
};

}  // namespace paragon
