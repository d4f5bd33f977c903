#pragma once

#include <paragon/decode/decode.hpp>
#include <support/devices.hpp>
#include <type_traits>

/// A GPU reads one of the two fp8 formats at most: gfx942 fnuz, gfx950, gfx12 and NVIDIA's fn. Tests that are about
/// something else than the format name either; where it is foreign, the same runs with the other one.
namespace paragon_test {

using namespace paragon;

namespace detail {
template <class T>
using other_format = std::conditional_t<std::is_same_v<T, fp8_e4m3fn>, fp8_e4m3fnuz,
                                        std::conditional_t<std::is_same_v<T, fp8_e4m3fnuz>, fp8_e4m3fn, T>>;

template <class Config> struct twin;
template <class Query, class KV, class Layout, int HeadDim, class Descale, class Variant, class Out, int ValueDim>
struct twin<decode_config<Query, KV, Layout, HeadDim, Descale, Variant, Out, ValueDim>> {
  using type = decode_config<Query, other_format<KV>, Layout, HeadDim, Descale, Variant, other_format<Out>, ValueDim>;
};
}  // namespace detail

/// Whether this machine's device reads elements of type T, in hardware or in software.
template <class T> bool reads_format() {
  constexpr platform::fp8_hardware format = platform::format_of<T>;
  const platform::fp8_hardware native = current_device().fp8;
  return format == platform::fp8_hardware::none || native == platform::fp8_hardware::none || native == format;
}

/// The same of all the formats of a configuration.
template <class Config> bool reads_formats() {
  return reads_format<typename Config::kv>() && reads_format<typename Config::out>();
}

/// f(std::type_identity<Config>{}), with the twin of the other fp8 format where Config's is foreign.
template <class Config, class F> void in_readable_format(const F& f) {
  if (reads_formats<Config>()) return f(std::type_identity<Config>{});
  if constexpr (PARAGON_PLATFORM_HOST != 1) {  // which reads both
    using twin = typename detail::twin<Config>::type;
    REQUIRE(reads_formats<twin>());
    f(std::type_identity<twin>{});
  }
}

}  // namespace paragon_test
