#pragma once

#include <concepts>
#include <string_view>

#include "paragon/types/bf16.hpp"
#include "paragon/types/fp16.hpp"
#include "paragon/types/fp8.hpp"
#include "paragon/types/status.hpp"

namespace paragon {

/// The two 8-bit storage types: K and V of these types need a descale.
template <class T>
concept fp8_element = std::same_as<T, fp8_e4m3fn> || std::same_as<T, fp8_e4m3fnuz>;

/// The two 16-bit storage types: queries, outputs, and K and V without a descale.
template <class T>
concept half_element = std::same_as<T, bf16> || std::same_as<T, fp16>;

/// What K and V may be stored as.
template <class T>
concept kv_element = fp8_element<T> || half_element<T>;

/// The largest finite value: 448 (fp8_e4m3fn), 240 (fp8_e4m3fnuz), 65504 (fp16), 0x1.FEp127 (bf16). A quantisation
/// scale is the absolute maximum of the data divided by it.
template <kv_element T> inline constexpr float max_finite = static_cast<float>(T::max());

/// How serving frameworks name the storage of a KV cache at run time. The name does not tell the two e4m3 formats
/// apart; the device does.
enum class kv_cache_dtype {
  automatic,  ///< "auto": the 16-bit type of the model
  fp8_e4m3,   ///< "fp8" or "fp8_e4m3": the e4m3 format that the device reads
};

/// From a KV element type to the kernel's name for it: `tag` is "fp8_e4m3" for both fp8 formats and "auto" for bf16 and
/// fp16; `value` is the same as an enumerator. Any other type does not compile.
template <class T> struct kv_dtype {
  static_assert(kv_element<T>, "KV element type must be fp8_e4m3fn, fp8_e4m3fnuz, bf16 or fp16");
  static constexpr kv_cache_dtype value = fp8_element<T> ? kv_cache_dtype::fp8_e4m3 : kv_cache_dtype::automatic;
  static constexpr std::string_view tag = fp8_element<T> ? "fp8_e4m3" : "auto";
};

/// The inverse of `kv_dtype<T>::tag`: "auto", "fp8" and "fp8_e4m3", spelled exactly so. Everything else is refused with
/// `status_code::unsupported_dtype` and a sentence that quotes the text (its first 64 characters); `out` is then left
/// as it was.
inline status parse_kv_cache_dtype(std::string_view text, kv_cache_dtype& out) {
  if (text == "auto") {
    out = kv_cache_dtype::automatic;
    return status::success();
  }
  if (text == "fp8" || text == "fp8_e4m3") {
    out = kv_cache_dtype::fp8_e4m3;
    return status::success();
  }
  if (text == "fp8_e5m2") {
    return status::failure(status_code::unsupported_dtype,
                           "KV cache dtype \"fp8_e5m2\" is not supported: it has one mantissa bit less than e4m3, "
                           "and the descale makes its wider range needless; accepted are \"auto\", \"fp8\" and "
                           "\"fp8_e4m3\"");
  }
  const std::string_view quoted = text.substr(0, 64);
  return status::failure(status_code::unsupported_dtype,
                         "KV cache dtype \"%.*s%s\" is not known; accepted are \"auto\", \"fp8\" and \"fp8_e4m3\"",
                         static_cast<int>(quoted.size()), quoted.data(), quoted.size() < text.size() ? "..." : "");
}

}  // namespace paragon
