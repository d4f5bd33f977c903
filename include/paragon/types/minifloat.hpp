#pragma once

#include <cstdint>

#include "paragon/platform/macros.hpp"

/// @file
/// The one conversion between binary32 and a narrower binary format, shared by fp16, bf16 and both fp8 formats.
/// It works on bit patterns alone, so it is constexpr, gives the same codes in every compiler and rounding mode, and
/// does not depend on whether a device flushes subnormals.

namespace paragon::detail {

/// `std::bit_cast`, callable in device code: nvcc refuses the library function there without an extra flag.
template <class To, class From> PARAGON_HD constexpr To bit_cast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

inline constexpr std::uint32_t float_magnitude_mask = 0x7fffffffu;
inline constexpr std::uint32_t float_infinity_bits = 0x7f800000u;
inline constexpr std::uint32_t float_quiet_nan_bits = 0x7fc00000u;

/// `value / 2^shift`, rounded to nearest, ties to even. Precondition: 1 <= shift <= 31 and value < 2^30.
PARAGON_HD constexpr std::uint32_t shift_right_to_nearest_even(std::uint32_t value, int shift) {
  const std::uint32_t odd = (value >> shift) & 1u;
  const std::uint32_t just_below_half = (1u << (shift - 1)) - 1u;
  return (value + just_below_half + odd) >> shift;
}

/// Magnitudes of a format with `MantissaBits` stored mantissa bits, exponent bias `Bias` and gradual underflow. Signs,
/// infinities and NaNs differ between formats and belong to the types built on this.
template <int MantissaBits, int Bias> struct minifloat {
  static constexpr int dropped_bits = 23 - MantissaBits;
  static constexpr int rebias = 127 - Bias;

  /// The code nearest to a magnitude, ties to even. The exponent has no upper end here: the caller clamps the code, so
  /// that codes above its largest finite one become infinity or saturate.
  /// @param magnitude bits of a binary32 without its sign, not NaN
  PARAGON_HD static constexpr std::uint32_t encode(std::uint32_t magnitude) {
    const int exponent = static_cast<int>(magnitude >> 23);
    // A mantissa that rounds up to the next power of two carries into the exponent, in both branches.
    if (exponent > rebias) {
      const std::uint32_t rebiased = magnitude - (static_cast<std::uint32_t>(rebias) << 23);
      return shift_right_to_nearest_even(rebiased, dropped_bits);
    }
    const std::uint32_t mantissa = magnitude & 0x7fffffu;
    const std::uint32_t significand = exponent == 0 ? mantissa : mantissa | 0x800000u;
    const int shift = dropped_bits + rebias + 1 - (exponent == 0 ? 1 : exponent);
    return shift > 24 ? 0u : shift_right_to_nearest_even(significand, shift);
  }

  /// The value of a code without its sign, exact. Codes that a format reserves for infinity or NaN are the caller's.
  PARAGON_HD static constexpr float decode(std::uint32_t code) {
    const std::uint32_t widened = code << dropped_bits;
    if constexpr (rebias == 0) {
      return bit_cast<float>(widened);
    } else {
      if ((code >> MantissaBits) != 0) {
        return bit_cast<float>(widened + (static_cast<std::uint32_t>(rebias) << 23));
      }
      // The unit of the subnormals is itself a normal binary32, so the product is exact and flushes nowhere.
      constexpr auto unit_bits = static_cast<std::uint32_t>(rebias + 1 - MantissaBits) << 23;
      return static_cast<float>(code) * bit_cast<float>(unit_bits);
    }
  }
};

/// A 16-bit format of IEEE 754's kind: sign, exponent, `MantissaBits` mantissa bits; the last exponent holds infinity
/// (mantissa zero) and NaN. Overflow rounds to infinity; a NaN keeps its sign and leading payload and becomes quiet.
template <int MantissaBits, int Bias> struct ieee16 {
  using format = minifloat<MantissaBits, Bias>;
  static constexpr std::uint32_t infinity_code = 0x7fffu >> MantissaBits << MantissaBits;
  static constexpr std::uint32_t quiet_bit = 1u << (MantissaBits - 1);

  PARAGON_HD static constexpr std::uint16_t encode(float value) {
    const auto bits = bit_cast<std::uint32_t>(value);
    const std::uint32_t magnitude = bits & float_magnitude_mask;
    const std::uint32_t sign = (bits >> 16) & 0x8000u;
    if (magnitude > float_infinity_bits) {
      const std::uint32_t payload = (magnitude & 0x7fffffu) >> format::dropped_bits;
      return static_cast<std::uint16_t>(sign | infinity_code | quiet_bit | payload);
    }
    const std::uint32_t code = format::encode(magnitude);
    return static_cast<std::uint16_t>(sign | (code < infinity_code ? code : infinity_code));
  }

  PARAGON_HD static constexpr float decode(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000u) << 16;
    const std::uint32_t code = bits & 0x7fffu;
    if (code >= infinity_code) {
      const std::uint32_t payload = (code - infinity_code) << format::dropped_bits;
      return bit_cast<float>(sign | float_infinity_bits | payload);
    }
    return bit_cast<float>(sign | bit_cast<std::uint32_t>(format::decode(code)));
  }
};

}  // namespace paragon::detail
