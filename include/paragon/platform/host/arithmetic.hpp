#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "paragon/platform/macros.hpp"
#include "paragon/platform/words.hpp"
#include "paragon/types/bf16.hpp"
#include "paragon/types/fp16.hpp"
#include "paragon/types/fp8.hpp"
#include "paragon/types/kv_dtype.hpp"

namespace paragon::platform {

/// A float's bits, and the float of bits. (CUDA's compiler allows no bit_cast of an array's element in a template.)
PARAGON_DEVICE std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }
PARAGON_DEVICE float float_of(std::uint32_t bits) { return std::bit_cast<float>(bits); }

/// 2 to the power of `x`. Devices use their fast instruction (error about 1 to 2 units in the last place, subnormal
/// results may be zero); exp2(-inf) is 0 everywhere.
PARAGON_DEVICE float exp2(float x) { return std::exp2(x); }

/// Base-2 logarithm, with the accuracy of the device's fast instruction; log2(0) is -inf.
PARAGON_DEVICE float log2(float x) { return std::log2(x); }

/// x + y where one or both are products: rounded like these, never as part of a fused multiply-add. Lanes that add the
/// same products in either order get the same bits.
PARAGON_DEVICE float add_products(float x, float y) {
  asm("" : "+m"(x), "+m"(y));  // what went through memory is no product any more
  return x + y;
}

/// 1 / x, with the accuracy of the device's fast instruction.
PARAGON_DEVICE float reciprocal(float x) { return 1.0f / x; }

/// Picks four of the eight bytes of (low, high): byte i of the result is byte number `(Selector >> 4i) & 7`, where 0 to
/// 3 are the bytes of `low` and 4 to 7 those of `high`.
template <std::uint32_t Selector> PARAGON_DEVICE std::uint32_t byte_permute(std::uint32_t low, std::uint32_t high) {
  static_assert((Selector & ~0x7777u) == 0, "a selector has four digits from 0 to 7");
  const std::uint64_t bytes = std::uint64_t{high} << 32 | low;
  std::uint32_t result = 0;
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t picked = (Selector >> (4 * i)) & 7u;
    result |= static_cast<std::uint32_t>((bytes >> (8 * picked)) & 0xffu) << (8 * i);
  }
  return result;
}

/// Rounds two floats to T (fp16 or bf16), nearest even; `low` into the low half. `pack_probabilities` may round ties
/// away from zero, and may lose NaN: a row whose probabilities have one has it in their sum.
template <half_element T> PARAGON_DEVICE std::uint32_t pack(float low, float high) {
  return T(low).bits | static_cast<std::uint32_t>(T(high).bits) << 16;
}
template <half_element T> PARAGON_DEVICE std::uint32_t pack_probabilities(float low, float high) {
  return pack<T>(low, high);
}

/// Two fp16 or bf16 as floats, by their bits.
template <half_element T> PARAGON_DEVICE words<8> widen(std::uint32_t two) {
  const auto low = static_cast<std::uint16_t>(two), high = static_cast<std::uint16_t>(two >> 16);
  return {{bits_of(static_cast<float>(T::from_bits(low))), bits_of(static_cast<float>(T::from_bits(high)))}};
}

/// Rounds to T for storing: nearest even, fp8 saturating (infinities too), NaN kept.
template <kv_element T> PARAGON_DEVICE T convert(float value) { return T(value); }

namespace host {

/// fp16 bits of all 256 values of an fp8 format.
template <fp8_element KV>
inline constexpr std::array<std::uint16_t, 256> fp16_of_fp8 = [] {
  std::array<std::uint16_t, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = fp16(static_cast<float>(KV::from_bits(static_cast<std::uint8_t>(i)))).bits;
  }
  return table;
}();

}  // namespace host

/// Four fp8 values (byte 0 first) as four fp16 (bytes 0 and 1 in w[0], 2 and 3 in w[1]); exact, NaN stays NaN.
template <fp8_element KV> PARAGON_DEVICE words<8> unpack_fp8(std::uint32_t four) {
  const auto half = [four](int byte) -> std::uint32_t { return host::fp16_of_fp8<KV>[(four >> (8 * byte)) & 0xffu]; };
  return {{half(0) | half(1) << 16, half(2) | half(3) << 16}};
}

/// Four floats as four fp8 values (byte 0 first), nearest even, and back, exact. Only on targets that multiply fp8.
/// Precondition: none is beyond the largest value of the format; NaN stays NaN.
template <fp8_element T> PARAGON_DEVICE std::uint32_t pack_fp8(const float (&four)[4]) {
  std::uint32_t result = 0;
  for (int i = 0; i < 4; ++i) result |= std::uint32_t{T(four[i]).bits} << (8 * i);
  return result;
}
template <fp8_element T> PARAGON_DEVICE words<16> widen_fp8(std::uint32_t four) {
  const auto one = [four](int byte) {
    return bits_of(static_cast<float>(T::from_bits(static_cast<std::uint8_t>(four >> (8 * byte)))));
  };
  return {{one(0), one(1), one(2), one(3)}};
}

}  // namespace paragon::platform
