#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "paragon/platform/macros.hpp"
#include "paragon/platform/words.hpp"
#include "paragon/types/bf16.hpp"
#include "paragon/types/fp16.hpp"
#include "paragon/types/kv_dtype.hpp"

namespace paragon::platform {

PARAGON_DEVICE std::uint32_t bits_of(float value) { return __float_as_uint(value); }
PARAGON_DEVICE float float_of(std::uint32_t bits) { return __uint_as_float(bits); }

PARAGON_DEVICE float exp2(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

PARAGON_DEVICE float log2(float x) {
  float result;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

PARAGON_DEVICE float add_products(float x, float y) { return __fadd_rn(x, y); }

PARAGON_DEVICE float reciprocal(float x) {
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

template <std::uint32_t Selector> PARAGON_DEVICE std::uint32_t byte_permute(std::uint32_t low, std::uint32_t high) {
  static_assert((Selector & ~0x7777u) == 0, "a selector has four digits from 0 to 7");
  return __byte_perm(low, high, Selector);
}

template <half_element T> PARAGON_DEVICE std::uint32_t pack(float low, float high) {
  std::uint32_t result;
  if constexpr (std::is_same_v<T, fp16>) {
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  } else {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  }
  return result;
}

template <half_element T> PARAGON_DEVICE words<8> widen(std::uint32_t two) {
  words<8> result;
  if constexpr (std::is_same_v<T, fp16>) {
    asm("cvt.f32.f16 %0, %1;" : "=r"(result.w[0]) : "h"(static_cast<std::uint16_t>(two)));
    asm("cvt.f32.f16 %0, %1;" : "=r"(result.w[1]) : "h"(static_cast<std::uint16_t>(two >> 16)));
  } else {
    result = {{two << 16, two & 0xffff0000u}};
  }
  return result;
}

template <half_element T> PARAGON_DEVICE T convert(float value) {
  return T::from_bits(static_cast<std::uint16_t>(pack<T>(value, 0.0f)));
}

}  // namespace paragon::platform
