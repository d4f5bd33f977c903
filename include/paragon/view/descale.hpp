#pragma once

#include <cmath>
#include <concepts>
#include <paragon/types.hpp>
#include <paragon/view/layout.hpp>
#include <type_traits>

/// Descale policies: how a stored fp8 element becomes a real number,  real = stored * descale,  separately for K and V.
/// There is no default: a missing factor is the defect that this library exists to make impossible. So policies have
/// constructors that take both factors, and no other.
namespace paragon {

/// One factor for K and one for V of the whole layer, known on the host.
struct per_tensor {
  float key;
  float value;

  constexpr per_tensor(float for_keys, float for_values) : key{for_keys}, value{for_values} {}

  static constexpr bool by_token = false;
  PARAGON_HD float key_factor(int /*kv_head*/) const { return key; }
  PARAGON_HD float value_factor(int /*kv_head*/) const { return value; }

  status check() const {
    for (const auto [name, factor] : {named{"key", key}, named{"value", value}})
      if (!(std::isfinite(factor) && factor > 0.0f))
        return status::failure(status_code::bad_scale, "the %s descale is %g; it must be finite and positive", name,
                               static_cast<double>(factor));
    return status::success();
  }

 private:
  struct named {
    const char* name;
    float factor;
  };
};

/// One factor for K and one for V of the whole layer, in device memory.
struct per_tensor_on_device {
  const float* key;
  const float* value;

  constexpr per_tensor_on_device(const float* keys, const float* values) : key{keys}, value{values} {}

  static constexpr bool by_token = false;
  PARAGON_HD float key_factor(int /*kv_head*/) const { return *key; }
  PARAGON_HD float value_factor(int /*kv_head*/) const { return *value; }
  status check() const;
};

/// One factor per KV head: arrays [kv_heads] in device memory.
struct per_head {
  const float* key;
  const float* value;

  constexpr per_head(const float* keys, const float* values) : key{keys}, value{values} {}

  static constexpr bool by_token = false;
  PARAGON_HD float key_factor(int kv_head) const { return key[kv_head]; }
  PARAGON_HD float value_factor(int kv_head) const { return value[kv_head]; }
  status check() const;
};

/// One factor per token and KV head, in device memory, paged like the cache: the factor of a row lies at
/// `strides.offset(page, slot, kv_head)` (in floats) of `key` and of `value`.
struct per_token_head {
  const float* key;
  const float* value;
  page_strides strides;

  constexpr per_token_head(const float* keys, const float* values, const page_strides& of_factors)
      : key{keys}, value{values}, strides{of_factors} {}

  static constexpr bool by_token = true;
  PARAGON_HD float key_factor(std::int64_t row) const { return key[row]; }
  PARAGON_HD float value_factor(std::int64_t row) const { return value[row]; }
  status check() const;
};

/// The policy of 16-bit caches: stored numbers are the real ones.
struct unscaled {
  static constexpr bool by_token = false;
  PARAGON_HD float key_factor(int /*kv_head*/) const { return 1.0f; }
  PARAGON_HD float value_factor(int /*kv_head*/) const { return 1.0f; }
  status check() const { return status::success(); }
};

namespace detail {
inline status check_descale_pointers(const float* key, const float* value) {
  if (key == nullptr || value == nullptr)
    return status::failure(status_code::null_pointer, "the %s descale pointer is null; an fp8 cache needs both factors",
                           key == nullptr ? "key" : "value");
  return status::success();
}
}  // namespace detail

inline status per_tensor_on_device::check() const { return detail::check_descale_pointers(key, value); }
inline status per_head::check() const { return detail::check_descale_pointers(key, value); }
inline status per_token_head::check() const { return detail::check_descale_pointers(key, value); }

/// A descale policy of fp8 caches.
template <class T>
concept descale_policy = std::same_as<T, per_tensor> || std::same_as<T, per_tensor_on_device> ||
    std::same_as<T, per_head> || std::same_as<T, per_token_head>;

/// The policy a view has unless it names another: `per_tensor` for fp8 (its factors must still be given), `unscaled`
/// for 16-bit elements.
template <class KV> using default_descale = std::conditional_t<fp8_element<KV>, per_tensor, unscaled>;

}  // namespace paragon
