#pragma once

#include <hip/hip_runtime.h>

#include <cstdint>

#include "paragon/platform/macros.hpp"
#include "paragon/platform/words.hpp"
#include "paragon/types/bf16.hpp"
#include "paragon/types/fp16.hpp"
#include "paragon/types/kv_dtype.hpp"

namespace paragon::platform {

namespace amd {

using float_pair = float __attribute__((ext_vector_type(2)));
using half_pair = _Float16 __attribute__((ext_vector_type(2)));
using brain_pair = __bf16 __attribute__((ext_vector_type(2)));
using short_pair = std::int16_t __attribute__((ext_vector_type(2)));

/// The compiler's type with the bits of a storage type; it converts with the target's instructions where there are any.
template <half_element T> struct arithmetic_type;
template <> struct arithmetic_type<fp16> {
  using scalar = _Float16;
  using pair = half_pair;
};
template <> struct arithmetic_type<bf16> {
  using scalar = __bf16;
  using pair = brain_pair;
};

}  // namespace amd

PARAGON_DEVICE std::uint32_t bits_of(float value) { return __builtin_bit_cast(std::uint32_t, value); }
PARAGON_DEVICE float float_of(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }

PARAGON_DEVICE float exp2(float x) { return __builtin_amdgcn_exp2f(x); }

PARAGON_DEVICE float log2(float x) { return __builtin_amdgcn_logf(x); }

PARAGON_DEVICE float add_products(float x, float y) {
#pragma clang fp contract(off)
  return x + y;
}

PARAGON_DEVICE float reciprocal(float x) { return __builtin_amdgcn_rcpf(x); }

template <std::uint32_t Selector> PARAGON_DEVICE std::uint32_t byte_permute(std::uint32_t low, std::uint32_t high) {
  static_assert((Selector & ~0x7777u) == 0, "a selector has four digits from 0 to 7");
  // The instruction wants a byte per digit.
  constexpr std::uint32_t spread =
      (Selector & 0xfu) | (Selector & 0xf0u) << 4 | (Selector & 0xf00u) << 8 | (Selector & 0xf000u) << 12;
  return __builtin_amdgcn_perm(high, low, spread);
}

template <half_element T> PARAGON_DEVICE std::uint32_t pack(float low, float high) {
  using pair = typename amd::arithmetic_type<T>::pair;
  return __builtin_bit_cast(std::uint32_t, __builtin_convertvector(amd::float_pair{low, high}, pair));
}

template <half_element T> PARAGON_DEVICE std::uint32_t pack_probabilities(float low, float high) {
#if !defined(__gfx950__) && !defined(__GFX12__)
  if constexpr (std::is_same_v<T, bf16>) {
    // Without an instruction for it, rounding to nearest even and keeping NaN takes five instructions a number.
    constexpr std::uint32_t half_unit = 0x8000;
    return byte_permute<0x7632>(bits_of(low) + half_unit, bits_of(high) + half_unit);
  }
#endif
  return pack<T>(low, high);
}

template <half_element T> PARAGON_DEVICE words<8> widen(std::uint32_t two) {
  using pair = typename amd::arithmetic_type<T>::pair;
  return __builtin_bit_cast(words<8>, __builtin_convertvector(__builtin_bit_cast(pair, two), amd::float_pair));
}

template <half_element T> PARAGON_DEVICE T convert(float value) {
  return __builtin_bit_cast(T, static_cast<typename amd::arithmetic_type<T>::scalar>(value));
}

}  // namespace paragon::platform
