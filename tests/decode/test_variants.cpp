#include <doctest/doctest.h>

#include <limits>
#include <support/batches.hpp>
#include <support/decode_case.hpp>

using namespace paragon_test;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

template <class Config> void check_ragged(int group, int page_size) {
  check_decode<Config>(
      [=](std::mt19937& random) { return ragged_batch(random, group, page_size, Config::head_dim, 2e6); });
}

/// Depends on every field of the position, so that a wrong one shows.
struct position_dependent {
  PARAGON_HD float operator()(float logit, const logit_position& at) const {
    return logit + 0.5f * static_cast<float>(at.request % 3) - 0.25f * static_cast<float>(at.query_token * at.head) +
           0.125f * static_cast<float>((at.kv_position * 7 + at.query_position * 3 + at.kv_head * 5) % 32);
  }
  static double exact(double logit, const reference::logit_position& at) {
    return logit + 0.5 * (at.request % 3) - 0.25 * at.query_token * at.head +
           0.125 * ((at.kv_position * 7 + at.query_position * 3 + at.kv_head * 5) % 32);
  }
};

/// Hides every token of odd heads, and all but the first three of the others.
struct hide_most {
  PARAGON_HD float operator()(float logit, const logit_position& at) const {
    return at.head % 2 == 1 || at.kv_position > 2 ? -infinity : logit;
  }
  static double exact(double logit, const reference::logit_position& at) {
    return at.head % 2 == 1 || at.kv_position > 2 ? -std::numeric_limits<double>::infinity() : logit;
  }
};

/// Checks a call whose variant has other values than the problem's own.
template <class Config>
void check_with(problem_sizes sizes, const typename Config::variant_type& given, const reference::variant& exact) {
  std::mt19937 random{fresh_seed()};
  sizes.head_dim = Config::head_dim;
  sizes.value_dim = Config::value_dim;
  const problem_of<Config> inputs{sizes, random};
  const reference::result expected = reference::attention(inputs.query(false), inputs.kv(false), inputs.tables(false),
                                                          inputs.queries(false), inputs.softmax_scale, exact);
  on_every_device(random, 0, [&] {
    decode_call<Config> call{inputs, 1.0f};
    call.arguments.variant = given;
    call.run();
    call.check(expected, 1.0);
  });
}

}  // namespace

TEST_CASE_TEMPLATE("variants and their compositions", Variant, variant<soft_cap>, variant<alibi>,
                   variant<sliding_window>, variant<attention_sinks>, variant<logits_transform<position_dependent>>,
                   variant<soft_cap, sliding_window>,
                   variant<soft_cap, alibi, logits_transform<position_dependent>, sliding_window, attention_sinks>) {
  using config = decode_config<fp16, fp16, nhd, 64, unscaled, Variant>;
  for (const int group : {1, 5, 8}) check_ragged<config>(group, group == 5 ? 7 : 16);
}

TEST_CASE("variants with factors that differ by token and head") {
  using all = variant<soft_cap, alibi, sliding_window, attention_sinks>;
  check_ragged<decode_config<bf16, fp8_e4m3fnuz, hnd, 64, per_token_head, all>>(4, 16);
  check_ragged<decode_config<bf16, fp8_e4m3fn, nhd, 64, per_token_head, variant<>>>(3, 1);
}

TEST_CASE("transforms apply in the order of the list") {
  using config = decode_config<fp16, fp16, nhd, 64, unscaled, variant<logits_transform<position_dependent>, soft_cap>>;
  const auto exact = [](double logit, const reference::logit_position& at) {
    return 3.0 * std::tanh(position_dependent::exact(logit, at) / 3.0);
  };
  check_with<config>({.kv_heads = 2, .group = 2, .lengths = {70, 1, 16}}, {{}, {3.0f}}, {.transform = exact});
}

TEST_CASE("a transform that hides tokens, and all tokens of a row") {
  check_ragged<decode_config<fp16, fp16, nhd, 64, unscaled, variant<logits_transform<hide_most>>>>(4, 16);
}

TEST_CASE("values at the ends of what variants allow") {
  const problem_sizes sizes{.kv_heads = 1, .group = 2, .lengths = {70, 1, 0, 33}, .per_request = 3};

  SUBCASE("a window of any size") {
    using config = decode_config<fp16, fp16, nhd, 64, unscaled, variant<sliding_window>>;
    for (const int window : {1, 2, 32, 69, 70, 71, std::numeric_limits<int>::max()})
      check_with<config>(sizes, {{window}}, {.window = window});
  }
  SUBCASE("a soft cap far above and far below the logits") {
    using config = decode_config<fp16, fp16, nhd, 64, unscaled, variant<soft_cap>>;
    for (const float cap : {1e-3f, 0.5f, 500.0f}) check_with<config>(sizes, {{cap}}, {.soft_cap = cap});
  }
  SUBCASE("sinks far above and far below the logits, and none") {
    using config = decode_config<fp16, fp16, nhd, 64, unscaled, variant<attention_sinks>>;
    for (const float sink : {-infinity, -1e4f, 60.0f}) {
      const std::vector<float> sinks(2, sink);
      const device_buffer<float> on_device{sinks};
      check_with<config>(sizes, {{on_device.data()}}, {.sinks = sinks.data()});
    }
  }
  SUBCASE("steep ALiBi slopes") {
    using config = decode_config<fp16, fp16, nhd, 64, unscaled, variant<alibi>>;
    const std::vector<float> slopes{-3.0f, 5.0f};
    const device_buffer<float> on_device{slopes};
    check_with<config>(sizes, {{on_device.data()}}, {.alibi_slopes = slopes.data()});
  }
}

TEST_CASE("bf16 queries of any magnitude") {
  for (const float magnitude : {1e-30f, 1e-6f, 3e7f, 1e25f}) {
    problem_sizes sizes{.kv_heads = 2, .group = 3, .lengths = {70, 1, 0, 33}, .query_magnitude = magnitude};
    check_decode<decode_config<bf16, fp8_e4m3fn, nhd, 64>>(sizes);
    if (magnitude > 1e-20f && magnitude < 1e20f) check_decode<decode_config<bf16, bf16, nhd, 64>>(sizes);
  }
}
