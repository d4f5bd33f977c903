#pragma once

#include <cstdio>
#include <paragon/decode/config.hpp>
#include <paragon/dispatch/request.hpp>

namespace paragon {

/// What tells the configurations of a list apart, and what a request is looked up by.
struct config_key {
  element_type query;
  element_type kv;
  cache_layout layout;
  int head_dim;
  int value_dim;
  std::size_t descale;  ///< index of the policy in any_descale
  element_type out;

  bool operator==(const config_key&) const = default;
};

namespace detail {

/// The index of a policy among the alternatives of any_descale.
template <class Descale, class... Policies> constexpr std::size_t index_among(const std::variant<Policies...>*) {
  std::size_t index = 0;
  (void)((std::same_as<Descale, Policies> || (++index, false)) || ...);
  return index;
}
template <class Descale>
inline constexpr std::size_t descale_index = index_among<Descale>(static_cast<const any_descale*>(nullptr));

template <class Layout> constexpr cache_layout layout_value() {
  static_assert(std::same_as<Layout, nhd> || std::same_as<Layout, hnd>,
                "a list for dispatch holds layouts nhd and hnd: requests with other strides give them as values");
  return std::same_as<Layout, nhd> ? cache_layout::nhd : cache_layout::hnd;
}

template <class Config>
inline constexpr config_key key_of_config = {.query = element_type_of<typename Config::query>,
                                             .kv = element_type_of<typename Config::kv>,
                                             .layout = layout_value<typename Config::layout>(),
                                             .head_dim = Config::head_dim,
                                             .value_dim = Config::value_dim,
                                             .descale = descale_index<typename Config::descale>,
                                             .out = element_type_of<typename Config::out>};

template <class Variant> config_key key_of_request(const decode_request<Variant>& r) {
  return {.query = r.query.type,
          .kv = r.kv.type,
          .layout = r.kv.layout,
          .head_dim = r.kv.shape.head_dim,
          .value_dim = r.kv.shape.value_dim,
          .descale = r.kv.descale.index(),
          .out = r.out.type};
}

/// A short name of a configuration, as in "bf16 x fp8_e4m3fn nhd 192/128 per_head -> float": query type, cache type,
/// layout, head dim (and value dim where it is another), descale policy of an fp8 cache, output type where it is not
/// the query's.
class config_name {
 public:
  explicit config_name(const config_key& key) {
    constexpr const char* policies[] = {"", " per_tensor", " per_tensor_on_device", " per_head", " per_token_head"};
    static_assert(std::size(policies) == std::variant_size_v<any_descale>);
    append("%s x %s %s %d", name_of(key.query), name_of(key.kv), key.layout == cache_layout::nhd ? "nhd" : "hnd",
           key.head_dim);
    if (key.value_dim != key.head_dim) append("/%d", key.value_dim);
    append("%s", policies[key.descale]);
    if (key.out != key.query) append(" -> %s", name_of(key.out));
  }
  const char* text() const { return text_; }

 private:
  template <class... Values> void append(const char* format, Values... values) {
    length_ += std::snprintf(text_ + length_, sizeof(text_) - static_cast<std::size_t>(length_), format, values...);
  }
  char text_[160];  // the longest name has less, whatever the values
  int length_ = 0;
};

}  // namespace detail
}  // namespace paragon
