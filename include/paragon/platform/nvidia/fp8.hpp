#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "paragon/platform/macros.hpp"
#include "paragon/platform/nvidia/arithmetic.hpp"
#include "paragon/platform/words.hpp"
#include "paragon/types/fp8.hpp"
#include "paragon/types/kv_dtype.hpp"

namespace paragon::platform {

namespace nvidia {

/// The target compiled for converts this fp8 format by instructions.
template <fp8_element KV> inline constexpr bool converts_in_hardware = false;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
template <> inline constexpr bool converts_in_hardware<fp8_e4m3fn> = true;
#endif

/// Two bytes as two fp16.
PARAGON_DEVICE std::uint32_t widen_in_hardware(std::uint16_t two) {
  std::uint32_t result;
  asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(result) : "h"(two));
  return result;
}

/// Two bytes of `four`, the upper two if `Upper`, as two fp16. With the magnitude moved to where fp16 has exponent and
/// mantissa, subnormals become subnormals, and the value is too small by the difference of the exponent biases, for
/// which one multiplication makes up. NaN codes become all ones after it.
template <fp8_element KV, bool Upper> PARAGON_DEVICE std::uint32_t widen_in_software(std::uint32_t four) {
  constexpr bool is_fn = std::is_same_v<KV, fp8_e4m3fn>;
  const std::uint32_t codes = byte_permute < Upper ? 0x7060 : 0x5040 > (0, four);
  const std::uint32_t magnitudes = codes & 0x7f007f00u;
  const std::uint32_t halves = magnitudes >> 1 | (codes & 0x80008000u);
  constexpr std::uint32_t bias = is_fn ? 0x5c005c00u : 0x58005800u;  // 256 or 128, twice
  std::uint32_t product;
  asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(product) : "r"(halves), "r"(bias));
  // fn: only the magnitude 0x7f carries into bit 15. fnuz: every magnitude but zero does, and NaN is minus zero.
  const std::uint32_t is_nan = is_fn ? magnitudes + 0x01000100u : codes & ~(magnitudes + 0x7f007f00u);
  std::uint32_t spread;  // bits 15 and 31 over their halves: the sign mode of prmt, which __byte_perm masks off
  asm("prmt.b32 %0, %1, 0, 0xbb99;" : "=r"(spread) : "r"(is_nan));
  return product | spread;
}

}  // namespace nvidia

template <fp8_element KV> PARAGON_DEVICE words<8> unpack_fp8(std::uint32_t four) {
  if constexpr (nvidia::converts_in_hardware<KV>) {
    return {{nvidia::widen_in_hardware(static_cast<std::uint16_t>(four)),
             nvidia::widen_in_hardware(static_cast<std::uint16_t>(four >> 16))}};
  } else {
    return {{nvidia::widen_in_software<KV, false>(four), nvidia::widen_in_software<KV, true>(four)}};
  }
}

template <fp8_element T> PARAGON_DEVICE T convert(float value) {
  if constexpr (nvidia::converts_in_hardware<T>) {
    std::uint16_t two;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(two) : "f"(0.0f), "f"(value));
    return T::from_bits(static_cast<std::uint8_t>(two));
  } else {
    return T(value);
  }
}

}  // namespace paragon::platform
