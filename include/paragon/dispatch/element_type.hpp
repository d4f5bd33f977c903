#pragma once

#include <paragon/platform/platform.hpp>
#include <paragon/types.hpp>

namespace paragon {

/// The element types of queries, caches and outputs as values.
enum class element_type { bf16, fp16, fp8_e4m3fn, fp8_e4m3fnuz, float32 };

/// From a type to its value.
template <class T> inline constexpr element_type element_type_of = T::not_an_element_type;
template <> inline constexpr element_type element_type_of<bf16> = element_type::bf16;
template <> inline constexpr element_type element_type_of<fp16> = element_type::fp16;
template <> inline constexpr element_type element_type_of<fp8_e4m3fn> = element_type::fp8_e4m3fn;
template <> inline constexpr element_type element_type_of<fp8_e4m3fnuz> = element_type::fp8_e4m3fnuz;
template <> inline constexpr element_type element_type_of<float> = element_type::float32;

/// Name of a type for messages.
constexpr const char* name_of(element_type type) {
  switch (type) {
    case element_type::bf16:
      return "bf16";
    case element_type::fp16:
      return "fp16";
    case element_type::fp8_e4m3fn:
      return "fp8_e4m3fn";
    case element_type::fp8_e4m3fnuz:
      return "fp8_e4m3fnuz";
    case element_type::float32:
      return "float";
  }
  return "(no element type)";
}

constexpr bool is_fp8(element_type type) {
  return type == element_type::fp8_e4m3fn || type == element_type::fp8_e4m3fnuz;
}

/// The element type that a framework's name of a cache's storage stands for: "auto" is the query's type; "fp8_e4m3" is
/// the format that the current device reads, or fp8_e4m3fn, the format of checkpoints, where software reads both.
/// Errors: those of platform::query_device; `type` is then left as it was.
inline status resolve(kv_cache_dtype dtype, element_type query, element_type& type) {
  if (dtype == kv_cache_dtype::automatic) {
    type = query;
    return status::success();
  }
  platform::device_info device;
  if (status s = platform::query_device(device); !s) return s;
  type = device.fp8 == platform::fp8_hardware::fnuz ? element_type::fp8_e4m3fnuz : element_type::fp8_e4m3fn;
  return status::success();
}

}  // namespace paragon
