#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "paragon/types/bf16.hpp"
#include "paragon/types/fp16.hpp"
#include "paragon/types/fp8.hpp"
#include "rounding_oracle.hpp"
#include "support/devices.hpp"

using paragon::bf16;
using paragon::fp16;
using paragon::fp8_e4m3fn;
using paragon::fp8_e4m3fnuz;

namespace {

template <class T> struct standard;
template <> struct standard<fp16> { static constexpr rounding::format format = rounding::binary16; };
template <> struct standard<bf16> { static constexpr rounding::format format = rounding::bfloat16; };
template <> struct standard<fp8_e4m3fn> { static constexpr rounding::format format = rounding::e4m3fn; };
template <> struct standard<fp8_e4m3fnuz> { static constexpr rounding::format format = rounding::e4m3fnuz; };

template <class T> using bits_type = decltype(T::bits);

template <class T> T from_code(std::uint32_t code) { return T::from_bits(static_cast<bits_type<T>>(code)); }

/// What a code stands for, by the tables in the formats' standards. NaN for all that is not a number.
template <class T> double value_by_standard(std::uint32_t code) {
  constexpr rounding::format format = standard<T>::format;
  const std::uint32_t sign = rounding::sign_bit(format);
  const std::uint32_t magnitude = code & (sign - 1);
  if (!format.has_negative_zero && code == sign) return std::numeric_limits<double>::quiet_NaN();
  double value = rounding::magnitude_of(format, magnitude);
  if (magnitude > format.largest_finite) {
    const bool infinite = format.has_infinity && magnitude == format.largest_finite + 1;
    value = infinite ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  }
  return (code & sign) != 0 ? -value : value;
}

/// Fails at the first float that converts to another code than the oracle's.
template <class T> void check_rounding(const std::vector<float>& floats, const std::vector<double>& table) {
  for (const float value : floats) {
    const std::uint32_t expected = rounding::nearest_code(standard<T>::format, table, value);
    const std::uint32_t found = T(value).bits;
    if (found != expected) {
      FAIL("float bits " << rounding::bits_of(value) << ", value " << value << ": code " << found << ", not "
                         << expected);
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("every code converts to the value that its standard gives", T, fp16, bf16, fp8_e4m3fn,
                   fp8_e4m3fnuz) {
  const std::uint32_t codes = 2 * rounding::sign_bit(standard<T>::format);
  for (std::uint32_t code = 0; code < codes; ++code) {
    const double expected = value_by_standard<T>(code);
    const auto found = static_cast<double>(static_cast<float>(from_code<T>(code)));
    const bool same_number = found == expected && std::signbit(found) == std::signbit(expected);
    if (!(std::isnan(expected) ? std::isnan(found) : same_number)) {
      FAIL("code " << code << ": " << found << ", not " << expected);
    }
  }
}

TEST_CASE_TEMPLATE("every code survives the way to float and back", T, fp16, bf16, fp8_e4m3fn, fp8_e4m3fnuz) {
  constexpr rounding::format format = standard<T>::format;
  const std::uint32_t codes = 2 * rounding::sign_bit(format);
  for (std::uint32_t code = 0; code < codes; ++code) {
    // Signalling NaNs of the IEEE formats come back quiet; everything else as it was.
    const bool ieee_nan = format.has_infinity && (code & (rounding::sign_bit(format) - 1)) > format.largest_finite + 1;
    const std::uint32_t expected = ieee_nan ? code | 1u << (format.mantissa_bits - 1) : code;
    const std::uint32_t found = T(static_cast<float>(from_code<T>(code))).bits;
    if (found != expected) FAIL("code " << code << " came back as " << found);
  }
}

TEST_CASE_TEMPLATE("floats round to the nearest code, ties to even", T, fp16, bf16, fp8_e4m3fn, fp8_e4m3fnuz) {
  const std::vector<double> table = rounding::magnitudes(standard<T>::format);

  SUBCASE("at every value, every midpoint and beside them") {
    check_rounding<T>(rounding::boundary_floats(standard<T>::format, table), table);
  }
  SUBCASE("over the whole range of exponents") {
    const auto seed = paragon_test::fresh_seed();
    CAPTURE(seed);
    std::mt19937 generator(seed);
    check_rounding<T>(rounding::floats_of_every_exponent(generator, 500), table);
  }
  SUBCASE("over the format's own range, evenly in codes") {
    const auto seed = paragon_test::fresh_seed();
    CAPTURE(seed);
    std::mt19937 generator(seed);
    std::uniform_int_distribution<std::size_t> index(0, table.size() - 2);
    std::uniform_real_distribution<double> weight(0.0, 1.0);
    std::vector<float> floats;
    for (int i = 0; i < 100000; ++i) {
      const std::size_t code = index(generator);
      const auto value = static_cast<float>(std::lerp(table[code], table[code + 1], weight(generator)));
      floats.push_back(i % 2 == 0 ? value : -value);
    }
    check_rounding<T>(floats, table);
  }
  SUBCASE("at the ends of float") {
    constexpr float largest = std::numeric_limits<float>::max();
    constexpr float smallest = std::numeric_limits<float>::denorm_min();
    constexpr float infinity = std::numeric_limits<float>::infinity();
    check_rounding<T>({0.0f, -0.0f, smallest, -smallest, largest, -largest, infinity, -infinity}, table);
  }
}

TEST_CASE_TEMPLATE("NaN stays NaN whatever its payload", T, fp16, bf16, fp8_e4m3fn, fp8_e4m3fnuz) {
  const auto seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937 generator(seed);
  std::vector<std::uint32_t> patterns{0x7fc00000u, 0x7f800001u, 0x7fffffffu, 0x7fa00000u};
  for (int i = 0; i < 1000; ++i)
    patterns.push_back(0x7f800001u | (static_cast<std::uint32_t>(generator()) & 0x7fffffu));
  for (const std::uint32_t pattern : patterns) {
    for (const std::uint32_t sign : {0u, 0x80000000u}) {
      const T converted(rounding::float_from_bits(pattern | sign));
      CAPTURE(pattern);
      REQUIRE(std::isnan(static_cast<float>(converted)));
      const bool sign_kept = (converted.bits & rounding::sign_bit(standard<T>::format)) != 0;
      if (standard<T>::format.has_negative_zero) REQUIRE(sign_kept == (sign != 0));
    }
  }
}

TEST_CASE("a NaN of a 16-bit format keeps its leading payload and becomes quiet") {
  CHECK(fp16(rounding::float_from_bits(0x7f802000u)).bits == 0x7e01);
  CHECK(fp16(rounding::float_from_bits(0xffc02000u)).bits == 0xfe01);
  CHECK(fp16(rounding::float_from_bits(0x7f800001u)).bits == 0x7e00);
  CHECK(bf16(rounding::float_from_bits(0x7f810000u)).bits == 0x7fc1);
  CHECK(bf16(rounding::float_from_bits(0xffc10000u)).bits == 0xffc1);
  CHECK(bf16(rounding::float_from_bits(0x7f800001u)).bits == 0x7fc0);
}

TEST_CASE("the two fp8 formats at the points where they differ") {
  // Beyond the largest value: saturation, also where the next code would be in reach of rounding.
  CHECK(fp8_e4m3fn(464.0f).bits == 0x7e);
  CHECK(fp8_e4m3fn(480.0f).bits == 0x7e);
  CHECK(fp8_e4m3fn(-1e30f).bits == 0xfe);
  CHECK(fp8_e4m3fnuz(248.0f).bits == 0x7f);
  CHECK(fp8_e4m3fnuz(-256.0f).bits == 0xff);
  CHECK(fp8_e4m3fn(std::numeric_limits<float>::infinity()).bits == 0x7e);
  CHECK(fp8_e4m3fn(-std::numeric_limits<float>::infinity()).bits == 0xfe);
  CHECK(fp8_e4m3fnuz(std::numeric_limits<float>::infinity()).bits == 0x7f);
  CHECK(fp8_e4m3fnuz(-std::numeric_limits<float>::infinity()).bits == 0xff);
  // Zero: fnuz has one, and what rounds to zero must not become 0x80, its NaN.
  CHECK(fp8_e4m3fn(-0.0f).bits == 0x80);
  CHECK(fp8_e4m3fnuz(-0.0f).bits == 0x00);
  CHECK(fp8_e4m3fnuz(-0x1p-11f).bits == 0x00);
  CHECK(fp8_e4m3fnuz(-0x1.000002p-11f).bits == 0x81);
  CHECK(fp8_e4m3fnuz(std::numeric_limits<float>::quiet_NaN()).bits == 0x80);
  CHECK(fp8_e4m3fnuz(-std::numeric_limits<float>::quiet_NaN()).bits == 0x80);
  // One byte, two values.
  CHECK(static_cast<float>(fp8_e4m3fn::from_bits(0x38)) == 1.0f);
  CHECK(static_cast<float>(fp8_e4m3fnuz::from_bits(0x38)) == 0.5f);
}

TEST_CASE("conversions are constant expressions") {
  static_assert(fp16(1.0f).bits == 0x3c00 && static_cast<float>(fp16::from_bits(0x0001)) == 0x1p-24f);
  static_assert(fp16(65519.0f).bits == 0x7bff && fp16(65520.0f).bits == 0x7c00 && fp16(-1e30f).bits == 0xfc00);
  static_assert(bf16(1.0f).bits == 0x3f80 && static_cast<float>(bf16::from_bits(0x0001)) == 0x1p-133f);
  static_assert(bf16(0x1.FEp127f).bits == 0x7f7f && bf16(0x1.FFp127f).bits == 0x7f80);
  static_assert(fp8_e4m3fn(1.0f).bits == 0x38 && static_cast<float>(fp8_e4m3fn::from_bits(0x01)) == 0x1p-9f);
  static_assert(fp8_e4m3fnuz(1.0f).bits == 0x40 && static_cast<float>(fp8_e4m3fnuz::from_bits(0x01)) == 0x1p-10f);
  static_assert(fp8_e4m3fn(448.0f) == fp8_e4m3fn::max() && fp8_e4m3fnuz(240.0f) == fp8_e4m3fnuz::max());
}
