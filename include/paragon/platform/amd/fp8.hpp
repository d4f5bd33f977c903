#pragma once

#include <hip/hip_runtime.h>

#include <cstdint>
#include <type_traits>

#include "paragon/platform/amd/arithmetic.hpp"
#include "paragon/platform/macros.hpp"
#include "paragon/platform/words.hpp"
#include "paragon/types/fp8.hpp"
#include "paragon/types/kv_dtype.hpp"

namespace paragon::platform {

namespace amd {

/// The target compiled for converts this fp8 format by instructions.
template <fp8_element KV> inline constexpr bool converts_in_hardware = false;
#if defined(__gfx942__)
template <> inline constexpr bool converts_in_hardware<fp8_e4m3fnuz> = true;
#elif defined(__gfx950__) || defined(__GFX12__)
template <> inline constexpr bool converts_in_hardware<fp8_e4m3fn> = true;
#endif

/// Two bytes of `four`, the upper two if `Upper`, as two fp16.
template <bool Upper> PARAGON_DEVICE std::uint32_t widen_in_hardware(std::uint32_t four) {
#if defined(__gfx950__)
  constexpr float scale = 1.0f;
  return __builtin_bit_cast(std::uint32_t, __builtin_amdgcn_cvt_scalef32_pk_f16_fp8(four, scale, Upper));
#else
  // All values of both formats are fp16 values, so rounding towards zero changes none.
  const auto pair = __builtin_amdgcn_cvt_pk_f32_fp8(static_cast<int>(four), Upper);
  return __builtin_bit_cast(std::uint32_t, __builtin_amdgcn_cvt_pkrtz(pair[0], pair[1]));
#endif
}

/// The same by 16-bit arithmetic. With the magnitude moved to where fp16 has exponent and mantissa, subnormals become
/// subnormals, and the value is too small by the difference of the exponent biases, for which one multiplication makes
/// up. NaN codes get an exponent of ones before it.
template <fp8_element KV, bool Upper> PARAGON_DEVICE std::uint32_t widen_in_software(std::uint32_t four) {
  constexpr bool is_fn = std::is_same_v<KV, fp8_e4m3fn>;
  const std::uint32_t placed = Upper ? byte_permute<0x7060>(0, four) : byte_permute<0x5040>(0, four);
  const auto codes = __builtin_bit_cast(short_pair, placed);
  std::uint32_t halves = __builtin_bit_cast(std::uint32_t, codes >> std::int16_t{1}) & 0xbf80bf80u;
  if constexpr (is_fn) {
    // Only the code 0x7f, of either sign, carries into the bit above the moved magnitude.
    halves |= (halves + 0x00800080u) & 0x40004000u;
  } else {
    // Only the code 0x80 is below -0x7f.
    const short_pair least = static_cast<std::int16_t>(-0x7f00);
    halves |= __builtin_bit_cast(std::uint32_t, codes - __builtin_elementwise_max(codes, least));
  }
  const half_pair bias = static_cast<_Float16>(is_fn ? 256 : 128);
  return __builtin_bit_cast(std::uint32_t, __builtin_bit_cast(half_pair, halves) * bias);
}

template <fp8_element KV, bool Upper> PARAGON_DEVICE std::uint32_t widen(std::uint32_t four) {
  if constexpr (converts_in_hardware<KV>) {
    return widen_in_hardware<Upper>(four);
  } else {
    return widen_in_software<KV, Upper>(four);
  }
}

}  // namespace amd

template <fp8_element KV> PARAGON_DEVICE words<8> unpack_fp8(std::uint32_t four) {
  return {{amd::widen<KV, false>(four), amd::widen<KV, true>(four)}};
}

template <fp8_element T> PARAGON_DEVICE std::uint32_t pack_fp8(const float (&four)[4]) {
  const int low = __builtin_amdgcn_cvt_pk_fp8_f32(four[0], four[1], 0, false);
  return static_cast<std::uint32_t>(__builtin_amdgcn_cvt_pk_fp8_f32(four[2], four[3], low, true));
}

template <fp8_element T> PARAGON_DEVICE words<16> widen_fp8(std::uint32_t four) {
  const auto low = __builtin_amdgcn_cvt_pk_f32_fp8(static_cast<int>(four), false);
  const auto high = __builtin_amdgcn_cvt_pk_f32_fp8(static_cast<int>(four), true);
  return {{bits_of(low[0]), bits_of(low[1]), bits_of(high[0]), bits_of(high[1])}};
}

template <fp8_element T> PARAGON_DEVICE T convert(float value) {
  if constexpr (amd::converts_in_hardware<T>) {
    // The instruction turns what is beyond the largest value into NaN. The clamp turns NaN into a number.
    constexpr int any_nan = 0x3;
    const float clamped = __builtin_amdgcn_fmed3f(value, -max_finite<T>, max_finite<T>);
    const float kept = __builtin_amdgcn_classf(value, any_nan) ? value : clamped;
    return T::from_bits(static_cast<std::uint8_t>(__builtin_amdgcn_cvt_pk_fp8_f32(kept, kept, 0, false)));
  } else {
    return T(value);
  }
}

}  // namespace paragon::platform
