#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

/// @file
/// What the conversions are judged by: a table of a format's values in double, made from the formula of its standard,
/// and a search for the nearest. It shares nothing with the library: no bit arithmetic, no shifts of mantissas.

namespace rounding {

/// A format's parameters as its standard gives them.
struct format {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  std::uint32_t largest_finite;  ///< code of the largest finite magnitude
  bool has_infinity;             ///< the code after it is infinity, overflow goes there; otherwise it saturates
  bool has_negative_zero;
};

inline constexpr format binary16{5, 10, 15, 0x7bff, true, true};
inline constexpr format bfloat16{8, 7, 127, 0x7f7f, true, true};
inline constexpr format e4m3fn{4, 3, 7, 0x7e, false, true};
inline constexpr format e4m3fnuz{4, 3, 8, 0x7f, false, false};

inline std::uint32_t sign_bit(const format& f) { return 1u << (f.exponent_bits + f.mantissa_bits); }

/// The magnitude that a code without sign stands for, as if the format had no infinity and no NaN.
inline double magnitude_of(const format& f, std::uint32_t code) {
  const std::uint32_t steps = 1u << f.mantissa_bits;
  const int exponent = static_cast<int>(code / steps);
  const double fraction = static_cast<double>(code % steps) / steps;
  return exponent == 0 ? std::ldexp(fraction, 1 - f.bias) : std::ldexp(1.0 + fraction, exponent - f.bias);
}

/// All finite magnitudes in the order of their codes, which is ascending, and one beyond the last: a value that rounds
/// to that one overflows.
inline std::vector<double> magnitudes(const format& f) {
  std::vector<double> table;
  for (std::uint32_t code = 0; code <= f.largest_finite + 1; ++code) table.push_back(magnitude_of(f, code));
  return table;
}

/// The code that a value other than NaN rounds to: nearest, ties to the even code.
inline std::uint32_t nearest_code(const format& f, const std::vector<double>& table, double value) {
  const double magnitude = std::fabs(value);
  std::uint32_t code = f.largest_finite + 1;
  if (magnitude < table.back()) {
    const auto above = std::upper_bound(table.begin(), table.end(), magnitude);
    const auto upper = static_cast<std::uint32_t>(above - table.begin());
    const double to_upper = table[upper] - magnitude;
    const double to_lower = magnitude - table[upper - 1];
    const bool take_upper = to_upper < to_lower || (to_upper == to_lower && upper % 2 == 0);
    code = take_upper ? upper : upper - 1;
  }
  if (code > f.largest_finite && !f.has_infinity) code = f.largest_finite;
  const bool negative = std::signbit(value) && (code != 0 || f.has_negative_zero);
  return negative ? code | sign_bit(f) : code;
}

inline float float_from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

inline std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/// Where rounding changes its mind: every value of the format, every midpoint of neighbours, and the floats on both
/// sides of each; with both signs.
inline std::vector<float> boundary_floats(const format& f, const std::vector<double>& table) {
  std::vector<float> floats;
  const auto add_with_neighbours = [&](double centre) {
    const auto value = static_cast<float>(centre);
    constexpr float infinity = std::numeric_limits<float>::infinity();
    for (const float x : {std::nextafter(value, 0.0f), value, std::nextafter(value, infinity)}) {
      floats.push_back(x);
      floats.push_back(-x);
    }
  };
  for (std::uint32_t code = 0; code <= f.largest_finite; ++code) {
    add_with_neighbours(table[code]);
    add_with_neighbours((table[code] + table[code + 1]) / 2);
  }
  return floats;
}

/// Floats of every exponent field from 0 (subnormals) to 254, `per_exponent` random mantissas with random signs in
/// each, besides the first, the middle and the last mantissa.
template <class Generator> std::vector<float> floats_of_every_exponent(Generator& generator, int per_exponent) {
  std::vector<float> floats;
  for (std::uint32_t exponent = 0; exponent < 255; ++exponent) {
    for (const std::uint32_t mantissa : {0x000000u, 0x400000u, 0x7fffffu}) {
      floats.push_back(float_from_bits(exponent << 23 | mantissa));
      floats.push_back(-floats.back());
    }
    for (int i = 0; i < per_exponent; ++i) {
      const auto random = static_cast<std::uint32_t>(generator());
      floats.push_back(float_from_bits((random & 0x807fffffu) | exponent << 23));
    }
  }
  return floats;
}

}  // namespace rounding
