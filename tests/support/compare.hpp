#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <paragon/reference/attention.hpp>
#include <support/output.hpp>

/// Kernel outputs against float64.
namespace paragon_test {

using namespace paragon;

/// How far a kernel with this query type may be off.
///
/// row      ||out - reference|| / ||reference|| of a row (`row_unit`). Two roundings to 16 bits go into it, that of the
///          probabilities before they meet V and that of the output; each is off by up to 2^-8 (bf16) or 2^-11 (fp16)
///          of a number and by 0.4 of that in the root mean square.
/// rare     what a row may reach where both are near their largest. With fp16 that is within `row`. With bf16 the
///          largest is 2^-7. Float64 arithmetic with just these two roundings, on four million rows like those here,
///          passed 4e-3 in 8 of 10^5 rows, up to four of them in one KV head, and reached 5.3e-3.
/// element  before the output is rounded, in units of sum_t p_t |v_t|: the rounding of the probabilities, a fifth more
///          for all that happens in float32.
/// vanished comes to that, in units of the row's largest such sum: small probabilities are rounded to a part of the
///          largest, and only their tokens may have a V other than zero. That part is 2^-29 in fp16, 2^-22 as two fp8
///          terms (bf16 queries) and 2^-27 as three (fp16 queries); the errors of some hundred tokens add up to 16
///          times as much, and the tokens' V may be larger than those of the largest sum.
/// lse      absolute. Probabilities are summed before they are rounded, so what is left is the logits' error: products
///          of 16-bit numbers are exact in float32, each of their additions is off by up to 2^-24 of the partial sum.
///          With the outlier channels the terms of a logit reach several hundred, and errors add up like a random walk
///          over the 32 steps of 16 dims of the longest head: 2^-24 * 500 * sqrt(32) = 1.7e-4. To it come four
///          roundings of the LSE itself (`digits`): in short heads one outlier's logit reaches thousands.
struct tolerance {
  double row, rare, element, vanished, lse;
};
template <half_element Query>
inline constexpr tolerance allowed = std::is_same_v<Query, fp16> ? tolerance{1e-3, 1e-3, 1.2 * 0x1p-11, 0x1p-22, 2e-4}
                                                                 : tolerance{4e-3, 6e-3, 1.2 * 0x1p-8, 0x1p-18, 2e-4};

/// A difference that does not count, since numbers near it have no relative precision. Of fp16 outputs that is half of
/// the smallest positive number. Of others it is what a subnormal float32, of which 2^-126 may be lost, makes of a sum
/// of values that was scaled up by 2^26: an attention sink that outweighs all tokens leaves such a factor.
template <class Out> inline constexpr double negligible = std::is_same_v<Out, fp16> ? 0x1p-25 : 0x1p-100;

/// The worst of a comparison and where it was.
struct worst {
  double error = 0.0;
  int token = -1, head = -1, dim = -1;

  void take(double candidate, int t, int h, int d = -1) {
    if (candidate > error || std::isnan(candidate)) *this = {std::isnan(candidate) ? HUGE_VAL : candidate, t, h, d};
  }
};

inline bool belongs_to_a_request(const reference::result& expected, int token) {
  return !std::isnan(expected.lse[expected.row(token, 0)]);
}

inline double norm(std::span<const double> values) {
  double squares = 0.0;
  for (const double x : values) squares += x * x;
  return std::sqrt(squares);
}

/// What the error of a row is measured in: ||reference||. The few elements of a short row may all cancel, and what the
/// rounding of probabilities left of the terms stays; there it is the mean with the norm of sum_t p_t |v_t|.
inline double row_unit(std::span<const double> expected, std::span<const double> mass) {
  return expected.size() >= 64 ? norm(expected) : (norm(expected) + norm(mass)) / 2;
}

/// ||out - reference|| / unit, 0 if both are zero; NaN where the output holds one.
template <class Out>
double row_error(const Out* out, std::span<const double> expected, double unit, double scale = 1.0) {
  double error = 0.0;
  for (std::size_t d = 0; d < expected.size(); ++d) {
    const double difference = std::abs(scale * static_cast<double>(static_cast<float>(out[d])) - expected[d]);
    const double beyond = difference <= negligible<Out> ? 0.0 : difference - negligible<Out>;
    error += beyond * beyond;
  }
  return error == 0.0 ? 0.0 : std::sqrt(error) / unit;
}

/// By how much an element is outside of what rounding any number within `slack` of the expected one gives, in units of
/// `slack`; 0 inside. Exact for every output type, saturation included.
template <class Out> double element_error(Out out, double expected, double slack, double scale) {
  const auto rounded = [scale](double x) { return static_cast<float>(Out(static_cast<float>(x / scale))); };
  const float value = static_cast<float>(out);
  if (value >= rounded(expected - slack) && value <= rounded(expected + slack)) return 0.0;
  return std::abs(static_cast<double>(value) * scale - expected) / slack;
}

/// Checks that every row of every request was written with the right numbers and that nothing else was. `scale` is that
/// of an fp8 output, whose rows have no bound of their own: only its elements are held to what rounding explains.
template <half_element Query, class Out>
void check_output(const guarded_output<Out>& out, const reference::result& expected, double scale = 1.0) {
  worst row, element;
  int rows = 0, rare = 0;
  for (int token = 0; token < expected.tokens; ++token)
    for (int head = 0; head < expected.heads && belongs_to_a_request(expected, token); ++head) {
      const auto values = expected.out_row(token, head), mass = expected.mass_row(token, head);
      const double error =
          fp8_element<Out> ? 0.0 : row_error(out.row(token, head), values, row_unit(values, mass), scale);
      row.take(error, token, head);
      rare += error > allowed<Query>.row;
      ++rows;
      const double floor = allowed<Query>.vanished * *std::ranges::max_element(mass);
      for (int d = 0; d < expected.dim; ++d) {
        const auto i = static_cast<std::size_t>(d);
        const double slack = allowed<Query>.element * mass[i] + floor + negligible<float>;
        element.take(element_error(out.row(token, head)[d], values[i], slack, scale), token, head, d);
      }
    }
  INFO("worst row: token " << row.token << " head " << row.head);
  CHECK(row.error <= allowed<Query>.rare);
  CHECK(rare <= 2 + rows / 250);
  INFO("worst element: token " << element.token << " head " << element.head << " dim " << element.dim);
  CHECK(element.error == 0.0);
  CHECK(out.written_outside([&](int token) { return belongs_to_a_request(expected, token); }) == 0);
}

/// The same for an LSE of which `unit` is the natural logarithm's value of 1: 1 for ln, ln 2 for base 2.
template <half_element Query>
void check_lse(const guarded_output<float>& lse, const reference::result& expected, double unit) {
  worst error;
  for (int token = 0; token < expected.tokens; ++token)
    for (int head = 0; head < expected.heads && belongs_to_a_request(expected, token); ++head) {
      const double value = unit * static_cast<double>(lse.row(token, head)[0]);
      const double right = expected.lse[expected.row(token, head)];
      const double digits = std::isfinite(right) ? 0x1p-22 * std::abs(right) : 0.0;
      error.take(value == right ? 0.0 : std::abs(value - right) - digits, token, head);
    }
  INFO("worst LSE: token " << error.token << " head " << error.head);
  CHECK(error.error <= allowed<Query>.lse);
  CHECK(lse.written_outside([&](int token) { return belongs_to_a_request(expected, token); }) == 0);
}

}  // namespace paragon_test
