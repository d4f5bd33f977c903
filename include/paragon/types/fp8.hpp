#pragma once

#include <cstdint>

#include "paragon/platform/macros.hpp"
#include "paragon/types/minifloat.hpp"

/// @file
/// The two 8-bit formats with 4 exponent and 3 mantissa bits. The same byte means values a factor of two apart in
/// them (0x38 is 1.0 in fp8_e4m3fn and 0.5 in fp8_e4m3fnuz), so they are two types and neither converts to the other
/// except by way of float, in so many words.

namespace paragon {

namespace detail {

/// Both formats: without infinities, saturating. `MaxCode` is the largest finite magnitude's code.
/// `SignedZero`: true for OCP's format, which has -0 and the NaNs 0x7f and 0xff; false for the "uz" formats, whose only
/// zero is 0x00 and whose only NaN is 0x80.
template <int Bias, std::uint32_t MaxCode, bool SignedZero> struct e4m3 {
  using format = minifloat<3, Bias>;

  PARAGON_HD static constexpr std::uint8_t encode(float value) {
    const auto bits = bit_cast<std::uint32_t>(value);
    const std::uint32_t magnitude = bits & float_magnitude_mask;
    const std::uint32_t sign = (bits >> 24) & 0x80u;
    if (magnitude > float_infinity_bits) {
      return static_cast<std::uint8_t>(SignedZero ? sign | 0x7fu : 0x80u);
    }
    const std::uint32_t nearest = format::encode(magnitude);
    const std::uint32_t code = nearest < MaxCode ? nearest : MaxCode;
    if (!SignedZero && code == 0) return 0;
    return static_cast<std::uint8_t>(sign | code);
  }

  PARAGON_HD static constexpr float decode(std::uint8_t bits) {
    const std::uint32_t sign = (bits & 0x80u) << 24;
    const std::uint32_t code = bits & 0x7fu;
    if (SignedZero ? code > MaxCode : bits == 0x80u) {
      return bit_cast<float>((SignedZero ? sign : 0u) | float_quiet_nan_bits);
    }
    return bit_cast<float>(sign | bit_cast<std::uint32_t>(format::decode(code)));
  }
};

using e4m3fn = e4m3<7, 0x7e, true>;
using e4m3fnuz = e4m3<8, 0x7f, false>;

}  // namespace detail

/// FP8 E4M3 of the OCP 8-bit floating point specification: bias 7, largest finite value 448, no infinities, NaN is
/// 0x7f and 0xff. Read by the matrix hardware of gfx950, gfx12 and sm_89 onwards. A storage type without arithmetic;
/// same size, alignment and bits as `__hip_fp8_e4m3` and `__nv_fp8_e4m3`; it may alias other types, see interop.hpp.
struct [[gnu::may_alias]] fp8_e4m3fn {
  std::uint8_t bits;

  fp8_e4m3fn() = default;

  /// Nearest value, ties to even; beyond +-448, infinities included, saturates to +-448; NaN stays NaN with its sign.
  PARAGON_HD constexpr explicit fp8_e4m3fn(float value) : bits(detail::e4m3fn::encode(value)) {}

  /// The exact value.
  PARAGON_HD constexpr explicit operator float() const { return detail::e4m3fn::decode(bits); }

  PARAGON_HD static constexpr fp8_e4m3fn from_bits(std::uint8_t bits) {
    fp8_e4m3fn result{};
    result.bits = bits;
    return result;
  }

  /// The largest finite value.
  PARAGON_HD static constexpr fp8_e4m3fn max() { return from_bits(0x7e); }

  /// Equality of bits: NaN equals itself, and the zeros of both signs differ.
  friend constexpr bool operator==(fp8_e4m3fn, fp8_e4m3fn) = default;
};

/// FP8 E4M3 "finite, no negative zero": bias 8, largest finite value 240, no infinities, one zero (0x00), one NaN
/// (0x80). Read by the matrix hardware of gfx942. A storage type without arithmetic; same size, alignment and bits as
/// `__hip_fp8_e4m3_fnuz`; it may alias other types, see interop.hpp.
struct [[gnu::may_alias]] fp8_e4m3fnuz {
  std::uint8_t bits;

  fp8_e4m3fnuz() = default;

  /// Nearest value, ties to even; beyond +-240, infinities included, saturates to +-240; what rounds to zero is +0; NaN
  /// stays NaN.
  PARAGON_HD constexpr explicit fp8_e4m3fnuz(float value) : bits(detail::e4m3fnuz::encode(value)) {}

  /// The exact value; NaN is given without a sign.
  PARAGON_HD constexpr explicit operator float() const { return detail::e4m3fnuz::decode(bits); }

  PARAGON_HD static constexpr fp8_e4m3fnuz from_bits(std::uint8_t bits) {
    fp8_e4m3fnuz result{};
    result.bits = bits;
    return result;
  }

  /// The largest finite value.
  PARAGON_HD static constexpr fp8_e4m3fnuz max() { return from_bits(0x7f); }

  /// Equality of bits: NaN equals itself.
  friend constexpr bool operator==(fp8_e4m3fnuz, fp8_e4m3fnuz) = default;
};

static_assert(sizeof(fp8_e4m3fn) == 1 && alignof(fp8_e4m3fn) == 1);
static_assert(sizeof(fp8_e4m3fnuz) == 1 && alignof(fp8_e4m3fnuz) == 1);

}  // namespace paragon
