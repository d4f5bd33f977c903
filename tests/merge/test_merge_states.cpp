#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <paragon/merge/merge_states.hpp>
#include <random>
#include <string>
#include <support/device_buffer.hpp>
#include <support/devices.hpp>
#include <vector>

using namespace paragon;
using paragon_test::device_buffer;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

struct extents {
  int states, tokens, heads, dim;
  int gap = 0;        ///< elements between rows
  int state_gap = 0;  ///< elements between states
};

/// States with gaps of NaN between their rows.
template <class T> struct stack {
  extents e;
  std::int64_t head_stride, token_stride, state_stride, lse_token_stride, lse_state_stride;
  std::vector<T> out;
  std::vector<float> lse;
  device_buffer<T> device_out{0};
  device_buffer<float> device_lse{0};

  explicit stack(const extents& sizes)
      : e{sizes},
        head_stride{e.dim + e.gap},
        token_stride{e.heads * head_stride + 2 * e.gap},
        state_stride{e.tokens * token_stride + e.state_gap},
        lse_token_stride{e.heads + e.gap},
        lse_state_stride{e.tokens * lse_token_stride + e.state_gap},
        out(static_cast<std::size_t>(e.states * state_stride), T{not_a_number}),
        lse(static_cast<std::size_t>(e.states * lse_state_stride), not_a_number) {}

  T& value(int i, int t, int h, int d) {
    return out[static_cast<std::size_t>(i * state_stride + t * token_stride + h * head_stride + d)];
  }
  float& log_sum(int i, int t, int h) {
    return lse[static_cast<std::size_t>(i * lse_state_stride + t * lse_token_stride + h)];
  }

  /// Random outputs; LSEs of up to +-spread, one in five empty with NaN for its output.
  void randomise(std::mt19937& random, float spread) {
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> uniform{-spread, spread};
    for (int i = 0; i < e.states; ++i)
      for (int t = 0; t < e.tokens; ++t)
        for (int h = 0; h < e.heads; ++h) {
          const bool is_empty = random() % 5 == 0;
          log_sum(i, t, h) = is_empty ? -infinity : uniform(random);
          for (int d = 0; d < e.dim; ++d) value(i, t, h, d) = T{is_empty ? not_a_number : normal(random)};
        }
  }

  void upload() {
    device_out = device_buffer<T>{out};
    device_lse = device_buffer<float>{lse};
  }
  void fetch() {
    out = device_out.download();
    lse = device_lse.download();
  }

  template <bool Base2> attention_state<T, Base2> state(int i) {
    return {{device_out.data() + i * state_stride, e.tokens, e.heads, token_stride, head_stride},
            {device_lse.data() + i * lse_state_stride, lse_token_stride, 1}};
  }
  template <bool Base2> attention_state_stack<T, Base2> all() {
    return {state<Base2>(0), e.states, state_stride, lse_state_stride};
  }
};

/// A row in float64.
struct expected_row {
  std::vector<double> out, magnitude;  ///< of the sums: what errors are relative to
  double lse;
};

template <class T> expected_row merged_row(stack<T>& states, int t, int h, bool base2) {
  const double unit = base2 ? std::log(2.0) : 1.0;
  const auto dim = static_cast<std::size_t>(states.e.dim);
  expected_row row{std::vector<double>(dim), std::vector<double>(dim), -HUGE_VAL};
  double largest = -HUGE_VAL, sum = 0.0;
  for (int i = 0; i < states.e.states; ++i)
    largest = std::fmax(largest, static_cast<double>(states.log_sum(i, t, h)) * unit);
  if (largest == -HUGE_VAL) return row;
  for (int i = 0; i < states.e.states; ++i) {
    if (states.log_sum(i, t, h) == -infinity) continue;
    const double w = std::exp(static_cast<double>(states.log_sum(i, t, h)) * unit - largest);
    sum += w;
    for (std::size_t d = 0; d < dim; ++d) {
      const double x = static_cast<double>(static_cast<float>(states.value(i, t, h, static_cast<int>(d))));
      row.out[d] += w * x;
      row.magnitude[d] += w * std::fabs(x);
    }
  }
  for (std::size_t d = 0; d < dim; ++d) row.out[d] /= sum, row.magnitude[d] /= sum;
  row.lse = (largest + std::log(sum)) / unit;
  return row;
}

/// Half a unit in the last place of a type, relative.
template <class T>
inline constexpr double rounding_error = std::is_same_v<T, float>  ? 0x1p-24
                                         : std::is_same_v<T, fp16> ? 0x1p-11
                                                                   : 0x1p-8;

/// What merging does besides rounding its result: differences of LSEs below 80 and the fast exponential are off by some
/// 2^-18 relative to a weight that is not negligible.
constexpr double arithmetic_error = 0x1p-18;

template <class T, class Out> void check(stack<T>& states, stack<Out>& merged, bool base2) {
  merged.fetch();
  int wrong = 0, wrong_lse = 0;
  for (int t = 0; t < states.e.tokens; ++t)
    for (int h = 0; h < states.e.heads; ++h) {
      const expected_row row = merged_row(states, t, h, base2);
      for (int d = 0; d < states.e.dim; ++d) {
        const auto i = static_cast<std::size_t>(d);
        const double error = std::fabs(static_cast<double>(static_cast<float>(merged.value(0, t, h, d))) - row.out[i]);
        const double allowed = arithmetic_error * row.magnitude[i] + rounding_error<Out> * std::fabs(row.out[i]) + 1e-7;
        wrong += !(error <= (row.lse == -HUGE_VAL ? 0.0 : allowed));
        merged.value(0, t, h, d) = Out{not_a_number};
      }
      const auto lse = static_cast<double>(merged.log_sum(0, t, h));
      wrong_lse += !(lse == row.lse || std::fabs(lse - row.lse) <= 1e-5 * std::fmax(1.0, std::fabs(row.lse) * 0.1));
      merged.log_sum(0, t, h) = not_a_number;
    }
  CHECK(wrong == 0);
  CHECK(wrong_lse == 0);
  // What was compared is NaN again: anything else was written where nothing belongs.
  int stray = 0;
  for (const Out x : merged.out) stray += !std::isnan(static_cast<float>(x));
  for (const float x : merged.lse) stray += !std::isnan(x);
  CHECK(stray == 0);
}

template <class Out> stack<Out> result_for(const extents& e) {
  stack<Out> merged{{1, e.tokens, e.heads, e.dim, e.gap}};
  merged.upload();
  return merged;
}

void require(const status& result) { REQUIRE_MESSAGE(result.ok(), result.message()); }

template <class T, class Result, bool Base2> struct kinds {
  using state = T;
  using out = Result;
  static constexpr bool base2 = Base2;
};
using float_to_float = kinds<float, float, false>;
using float_to_bf16 = kinds<float, bf16, true>;
using float_to_fp16 = kinds<float, fp16, false>;
using bf16_to_bf16 = kinds<bf16, bf16, true>;
using fp16_to_fp16 = kinds<fp16, fp16, false>;
using fp16_to_float = kinds<fp16, float, true>;

}  // namespace

TEST_CASE_TEMPLATE("two states and many", Kinds, float_to_float, float_to_bf16, float_to_fp16, bf16_to_bf16,
                   fp16_to_fp16, fp16_to_float) {
  using T = typename Kinds::state;
  using Out = typename Kinds::out;
  constexpr bool base2 = Kinds::base2;
  const auto seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const extents e : {extents{2, 3, 5, 64}, extents{2, 17, 3, 80, 16}, extents{9, 33, 2, 128, 8, 64},
                          extents{1, 4, 1, 512}, extents{5, 7, 4, 72, 3, 5}, extents{3, 2, 3, 5}}) {
    CAPTURE(e.states);
    CAPTURE(e.dim);
    stack<T> states{e};
    states.randomise(random, random() % 2 == 0 ? 2.0f : 40.0f);
    states.upload();

    auto merged = result_for<Out>(e), again = result_for<Out>(e);
    require(merge_states(states.template all<base2>(), merged.template state<base2>(0), e.dim, nullptr));
    require(merge_states(states.template all<base2>(), again.template state<base2>(0), e.dim, nullptr));
    again.fetch();
    check(states, merged, base2);
    if (e.states == 2) {
      auto pair = result_for<Out>(e);
      require(merge_states(states.template state<base2>(0), states.template state<base2>(1),
                           pair.template state<base2>(0), e.dim, nullptr));
      pair.fetch();
      CHECK(std::memcmp(pair.out.data(), again.out.data(), pair.out.size() * sizeof(Out)) == 0);
      CHECK(std::memcmp(pair.lse.data(), again.lse.data(), pair.lse.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("one tensor that vector accesses cannot serve") {
  std::mt19937 random(3);
  enum class odd { none, first, second, result, state_stride, dim };
  for (const odd what : {odd::none, odd::first, odd::second, odd::result, odd::state_stride, odd::dim}) {
    CAPTURE(static_cast<int>(what));
    // Rows of 60 elements are 64 apart: what lies behind them is NaN.
    const int dim = what == odd::dim ? 60 : 64, spare = 64 - dim;
    const auto gap_if = [&](odd it) { return what == it ? 3 : spare; };
    stack<fp16> states{{2, 5, 3, dim, gap_if(odd::first), what == odd::state_stride ? 3 : 0}};
    stack<fp16> second{{2, 5, 3, dim, gap_if(odd::second)}};
    states.randomise(random, 3.0f);
    for (int t = 0; t < 5; ++t)
      for (int h = 0; h < 3; ++h) {
        second.log_sum(1, t, h) = states.log_sum(1, t, h);
        for (int d = 0; d < dim; ++d) second.value(1, t, h, d) = states.value(1, t, h, d);
      }
    states.upload();
    second.upload();
    const extents like{1, 5, 3, dim, gap_if(odd::result)};
    auto merged = result_for<fp16>(like), pair = result_for<fp16>(like);
    require(merge_states(states.all<true>(), merged.state<true>(0), dim, nullptr));
    check(states, merged, true);
    require(merge_states(states.state<true>(0), second.state<true>(1), pair.state<true>(0), dim, nullptr));
    check(states, pair, true);
  }
}

TEST_CASE("the same inputs give the same bits") {
  std::mt19937 random(7);
  const extents e{6, 20, 3, 96, 8};
  stack<float> states{e};
  states.randomise(random, 5.0f);
  states.upload();
  auto first = result_for<float>(e), second = result_for<float>(e);
  require(merge_states(states.all<true>(), first.state<true>(0), e.dim, nullptr));
  require(merge_states(states.all<true>(), second.state<true>(0), e.dim, nullptr));
  first.fetch();
  second.fetch();
  CHECK(std::memcmp(first.out.data(), second.out.data(), first.out.size() * sizeof(float)) == 0);
  CHECK(std::memcmp(first.lse.data(), second.lse.data(), first.lse.size() * sizeof(float)) == 0);
}

TEST_CASE("attention over parts of the tokens joins to attention over all of them") {
  const auto seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  constexpr int tokens = 100, dim = 16, parts = 3;
  const int ends[parts] = {1 + static_cast<int>(random() % 90), 95, tokens};
  std::vector<double> logits(tokens), values(tokens * dim);
  for (double& x : logits) x = 4.0 * normal(random);
  for (double& x : values) x = normal(random);
  // Attention over tokens [begin, end) into row `i`, and its natural LSE.
  const auto attend = [&](int begin, int end, double(&out)[dim]) {
    double sum = 0.0;
    for (double& x : out) x = 0.0;
    for (int t = begin; t < end; ++t) {
      const double p = std::exp(logits[static_cast<std::size_t>(t)]);
      sum += p;
      for (int d = 0; d < dim; ++d) out[d] += p * values[static_cast<std::size_t>(t * dim + d)];
    }
    for (double& x : out) x /= sum;
    return std::log(sum);
  };
  const extents e{parts, 1, 1, dim, 0};
  stack<float> states{e};
  double out[dim];
  for (int i = 0, begin = 0; i < parts; begin = ends[i++]) {
    states.log_sum(i, 0, 0) = static_cast<float>(attend(begin, ends[i], out));
    for (int d = 0; d < dim; ++d) states.value(i, 0, 0, d) = static_cast<float>(out[d]);
  }
  states.upload();
  auto merged = result_for<float>(e);
  require(merge_states(states.all<false>(), merged.state<false>(0), dim, nullptr));
  merged.fetch();
  CHECK(static_cast<double>(merged.log_sum(0, 0, 0)) == doctest::Approx(attend(0, tokens, out)).epsilon(1e-6));
  for (int d = 0; d < dim; ++d) CHECK(std::fabs(static_cast<double>(merged.value(0, 0, 0, d)) - out[d]) <= 1e-5);
}

TEST_CASE("empty states count for nothing, and nothing but empty states is zeros") {
  const extents e{3, 1, 4, 16};
  stack<bf16> states{e};
  for (int h = 0; h < 4; ++h)
    for (int i = 0; i < 3; ++i) {
      const bool is_empty = h == 0 || (h == 1 && i != 2) || (h == 2 && i == 0);
      states.log_sum(i, 0, h) = is_empty ? -infinity : h == 3 && i == 1 ? not_a_number : -1e30f;
      for (int d = 0; d < 16; ++d) states.value(i, 0, h, d) = bf16{is_empty ? infinity : 2.0f};
    }
  states.upload();
  auto merged = result_for<bf16>(e);
  require(merge_states(states.all<false>(), merged.state<false>(0), e.dim, nullptr));
  merged.fetch();
  const auto out = [&](int h) { return static_cast<float>(merged.value(0, 0, h, 9)); };
  CHECK(out(0) == 0.0f);
  CHECK(merged.log_sum(0, 0, 0) == -infinity);
  CHECK(out(1) == 2.0f);
  CHECK(merged.log_sum(0, 0, 1) == -1e30f);
  CHECK(out(2) == 2.0f);
  CHECK(std::isnan(out(3)));  // a NaN that comes in is not hidden
  CHECK(std::isnan(merged.log_sum(0, 0, 3)));
}

TEST_CASE("refusals name what is wrong") {
  const extents e{2, 3, 4, 16};
  stack<float> states{e}, other{{2, 3, 5, 16}};
  states.upload();
  other.upload();
  auto merged = result_for<float>(e);
  const auto a = states.state<true>(0), b = states.state<true>(1), out = merged.state<true>(0);
  const auto refused = [](status_code code, const std::string& words, const status& result) {
    CHECK(result.code() == code);
    CHECK_MESSAGE(std::string(result.message()).find(words) != std::string::npos, result.message());
  };
  auto broken = b;
  broken.out.data = nullptr;
  refused(status_code::null_pointer, "second outputs", merge_states(a, broken, out, 16, nullptr));
  broken = b;
  broken.lse.data = nullptr;
  refused(status_code::null_pointer, "first LSEs", merge_states(broken, a, out, 16, nullptr));
  broken = out;
  broken.lse.token_stride = 3;
  refused(status_code::bad_stride, "merged LSEs is 3", merge_states(a, b, broken, 16, nullptr));
  refused(status_code::bad_stride, "overlap unless it is at least 17", merge_states(a, b, out, 17, nullptr));
  refused(status_code::bad_shape, "head dim of 0", merge_states(a, b, out, 0, nullptr));
  refused(status_code::bad_shape, "3 tokens and 5 heads", merge_states(a, other.state<true>(0), out, 16, nullptr));
  auto none = states.all<true>();
  none.count = 0;
  refused(status_code::bad_shape, "a stack of 0 states", merge_states(none, out, 16, nullptr));
}
