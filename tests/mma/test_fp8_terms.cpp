// Numbers in several fp8 terms: that products of the terms add up to those of the number, in all lanes that hold one.

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "mma/subjects.hpp"
#include "support/device_buffer.hpp"
#include "support/run_kernel.hpp"

namespace atom_test {

/// Numbers as fp8 terms, and what products of these with a factor add up to.
template <class Subject> struct terms_kernel {
  using lanes = typename Subject::lanes;
  struct arguments {
    const float* numbers;  ///< [distinct_columns][4]
    float factor;
    float* joined;  ///< [wave_size][4]
  };
  using target = typename Subject::target;
  using kv = typename Subject::element;
  static constexpr int max_waves = 1;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte*) {
    using terms = typename Subject::atom::terms_type;
    const int lane = Subject::wave::lane();
    const float* mine = arguments.numbers + lanes::column(lane, 0) % terms::distinct_columns * 4;
    const float four[4] = {mine[0], mine[1], mine[2], mine[3]};
    const auto term = platform::unpack_fp8<kv>(terms::pack(four));
    const float factor = arguments.factor * terms::weight();
    PARAGON_UNROLL
    for (int i = 0; i < 4; ++i) {
      const auto two = platform::widen<paragon::fp16>(term.w[i / 2]);
      arguments.joined[lane * 4 + i] = terms::join(platform::float_of(two.w[i % 2]) * factor);
    }
  }
};

/// The sums of random numbers' terms, [wave_size][4].
template <class Subject, class Number>
std::vector<float> joined_terms(std::mt19937& random, float factor, std::vector<float>& numbers) {
  using lanes = typename Subject::lanes;
  std::uniform_real_distribution<float> exponent{lanes::terms == 2 ? -3.0f : -9.0f, 7.0f};
  numbers.clear();
  for (int i = 0; i < Subject::distinct_columns * 4; ++i)
    numbers.push_back(static_cast<float>(Number{std::exp2(exponent(random)) * (random() % 2 == 0 ? 1 : -1)}));
  const device_buffer<float> device_numbers(numbers);
  device_buffer<float> joined(size(lanes::wave_size * 4));
  run_kernel<terms_kernel<Subject>>(1, 1, 0, {device_numbers.data(), factor, joined.data()});
  return joined.download();
}

TEST_CASE_TEMPLATE_DEFINE("two terms hold every bf16 number and three every fp16 number", Subject, exact_terms) {
  using lanes = typename Subject::lanes;
  if constexpr (lanes::terms > 1) {
    using number = std::conditional_t<lanes::terms == 2, paragon::bf16, paragon::fp16>;
    if (!Subject::runs()) return;
    const std::uint32_t seed = fresh_seed();
    INFO("PARAGON_SEED=" << seed << ", " << std::string{Subject::target::name});
    std::mt19937 random{seed};
    for (int round = 0; round < 50; ++round) {
      std::vector<float> numbers, expected;
      const std::vector<float> joined = joined_terms<Subject, number>(random, 1.0f, numbers);
      for (int lane = 0; lane < lanes::wave_size; ++lane)
        for (int i = 0; i < 4; ++i)
          expected.push_back(numbers[size(lanes::column(lane, 0) % Subject::distinct_columns * 4 + i)]);
      CHECK(joined == expected);
    }
  }
}
TEST_CASE_TEMPLATE_APPLY(exact_terms, subjects);

TEST_CASE_TEMPLATE_DEFINE("the lanes of a number's terms agree on every bit of their sum", Subject, agreement) {
  using lanes = typename Subject::lanes;
  if constexpr (lanes::terms > 1) {
    if (!Subject::runs()) return;
    const std::uint32_t seed = fresh_seed();
    INFO("PARAGON_SEED=" << seed << ", " << std::string{Subject::target::name});
    std::mt19937 random{seed};
    std::uniform_real_distribution<float> factor{0.5f, 2.0f};
    for (int round = 0; round < 50; ++round) {
      std::vector<float> numbers, first_lane(size(Subject::distinct_columns * 4)), expected;
      const std::vector<float> joined = joined_terms<Subject, float>(random, factor(random), numbers);
      const auto place = [](int lane, int i) {
        return size(lanes::column(lane, 0) % Subject::distinct_columns * 4 + i);
      };
      for (int lane = lanes::wave_size - 1; lane >= 0; --lane)
        for (int i = 0; i < 4; ++i) first_lane[place(lane, i)] = joined[size(lane * 4 + i)];
      for (int lane = 0; lane < lanes::wave_size; ++lane)
        for (int i = 0; i < 4; ++i) expected.push_back(first_lane[place(lane, i)]);
      CHECK(joined == expected);
    }
  }
}
TEST_CASE_TEMPLATE_APPLY(agreement, subjects);

}  // namespace atom_test
