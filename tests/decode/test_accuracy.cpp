// How exact attention over an fp8 cache is, by outputs that no rounding hides: float ones, whose rows are held to the
// bound for fp16 whichever type the query has, since bf16 queries meet the cache as fp16 or as two fp8 terms, and to a
// tenth of it where fp16 queries meet it as three. The inputs are those on which arithmetic in few bits loses most.

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <support/batches.hpp>
#include <support/decode_case.hpp>

using namespace paragon_test;

namespace {

/// Relative errors of rows: that of all but `exceptions` of a batch, and that of every one.
struct bounds {
  double usual;
  int exceptions;
  double worst;
};
constexpr bounds by_fp16{1e-3, 0, 1e-3};
/// Two terms round a probability by up to 2^-9 of it. Where many tokens share a row, that is 6e-4 of the row; where a
/// few do, it may come to all of it. Of 10^5 rows of the batches below 40 were above 1e-3, the worst at 1.4e-3, so that
/// more than four of the 64 of a batch are no accident.
constexpr bounds by_two_terms{1e-3, 4, 0x1p-9};
/// Where each token is a small part of a row and values do not cancel, what is lost of all probabilities alike must not
/// show: the sum that outputs are divided by has lost the same.
constexpr bounds by_two_terms_alike{2e-4, 0, 2e-4};
constexpr bounds by_three_terms{1e-4, 0, 1e-4};
constexpr int groups[] = {8, 4};

template <class Query, class KV>
using with_float_output = decode_config<Query, KV, nhd, 128, per_tensor, variant<>, float>;
using of_bf16 = with_float_output<bf16, fp8_e4m3fn>;
using of_fp16 = with_float_output<fp16, fp8_e4m3fnuz>;

/// Those of the kernel that the current device runs for a query group; `two_terms` are its if it multiplies two terms.
template <class Config> bounds bounds_of(int group, const bounds& two_terms) {
  bounds result = by_fp16;
  platform::targets::visit(current_device().family, [&]<class Target>(Target) {
    paragon::detail::with_kernel_for<typename Config::traits, Target>(group, [&]<class Kernel>() {
      constexpr int terms = Kernel::shape::lanes::terms;
      if (terms > 1) result = terms == 2 ? two_terms : by_three_terms;
    });
  });
  return result;
}

/// ||out - reference|| / ||reference|| of every row, on every device.
template <class Config>
void check_rows(const problem_of<Config>& inputs, std::mt19937& random, const bounds& two_terms = by_two_terms) {
  const reference::result expected = reference::attention(inputs.query(false), inputs.kv(false), inputs.tables(false),
                                                          inputs.queries(false), inputs.softmax_scale);
  on_every_device(random, 0, [&] {
    decode_call<Config> call{inputs, 1.0f};
    call.run();
    const bounds bound = bounds_of<Config>(inputs.sizes.group, two_terms);
    worst row;
    int above = 0;
    for (int token = 0; token < expected.tokens; ++token)
      for (int head = 0; head < expected.heads; ++head) {
        const auto values = expected.out_row(token, head);
        const double error = row_error(call.out.row(token, head), values, norm(values));
        row.take(error, token, head);
        above += !(error <= bound.usual);
      }
    INFO("worst row: token " << row.token << " head " << row.head);
    CHECK(row.error <= bound.worst);
    CHECK(above <= bound.exceptions);
    CHECK(call.out.written_outside([](int) { return true; }) == 0);
  });
}

/// make(sizes, random) makes the problem that is checked, with the group size of `sizes`.
template <class Config, class Make> void for_groups(const Make& make, const bounds& two_terms = by_two_terms) {
  in_readable_format<Config>([&]<class Readable>(std::type_identity<Readable>) {
    for (const int group : groups) {
      const std::uint32_t seed = fresh_seed();
      std::mt19937 random{seed};
      INFO("PARAGON_SEED=" << seed << ", group " << group);
      const problem_sizes sizes{
          .head_dim = Config::head_dim, .value_dim = Config::value_dim, .kv_heads = 2, .group = group};
      check_rows<Readable>(make(std::type_identity<problem_of<Readable>>{}, sizes, random), random, two_terms);
    }
  });
}

/// Attention of queries of which `rewrite(random, row)` made each row, which is a span of query elements. The softmax
/// scale fits elements of `magnitude`.
template <class Config, class Rewrite> void check_queries(float magnitude, const Rewrite& rewrite) {
  for_groups<Config>([&]<class Problem>(std::type_identity<Problem>, problem_sizes sizes, std::mt19937& random) {
    sizes.query_magnitude = magnitude;
    sizes.lengths = {between(random, 200, 400), 1, between(random, 2, 40), between(random, 40, 200)};
    Problem inputs{sizes, random};
    inputs.rewrite_queries([&](int, auto row) { rewrite(random, row); });
    return inputs;
  });
}

float random_sign(std::mt19937& random) { return random() % 2 == 0 ? 1.0f : -1.0f; }

/// Below the smallest normal number of the type, and `bits_lost` powers of two smaller than that.
template <class Query> Query random_subnormal(std::mt19937& random, unsigned bits_lost) {
  constexpr unsigned sign = 0x8000u, mantissa = std::is_same_v<Query, bf16> ? 0x7fu : 0x3ffu;
  return Query::from_bits(static_cast<std::uint16_t>((random() & sign) | ((random() & mantissa) >> bits_lost)));
}
template <class Query> constexpr float smallest_normal = std::is_same_v<Query, bf16> ? 0x1p-126f : 0x1p-14f;

/// A key of elements that are this part of the format's largest number.
template <class Row> void set_key(Row row, float part) {
  using kv = typename Row::value_type;
  for (std::size_t d = 0; d < row.size(); ++d) row[d] = kv{(d % 3 == 0 ? -part : part) * max_finite<kv>};
}
/// Queries for which the largest such key has a logit between about `least` and `most`.
template <class Query, class KV, class... Rest>
void aim_queries(problem<Query, KV, Rest...>& inputs, std::mt19937& random, float least, float most) {
  const float largest_key = inputs.kv(false).descale.key * max_finite<KV>;
  std::uniform_real_distribution<float> logit{least, most}, part{0.5f, 1.5f};
  inputs.rewrite_queries([&](int, auto row) {
    const float each = logit(random) / (inputs.softmax_scale * largest_key * static_cast<float>(row.size()));
    for (std::size_t d = 0; d < row.size(); ++d) row[d] = Query{(d % 3 == 0 ? -each : each) * part(random)};
  });
}

}  // namespace

TEST_CASE_TEMPLATE("query rows whose elements span 2^12", Config, of_bf16, of_fp16) {
  check_queries<Config>(1.0f, [](std::mt19937& random, auto row) {
    std::uniform_real_distribution<float> exponent{-10.0f, 2.0f};
    for (auto& x : row) x = typename Config::query{random_sign(random) * std::exp2(exponent(random))};
    row[random() % 64] = typename Config::query{0x1p-10f};
    row[64 + random() % 64] = typename Config::query{4.0f};
  });
}

// From rows that the outlier's channel rules to rows in which the others decide as well.
TEST_CASE_TEMPLATE("query rows with one element 10^3 times the rest", Config, of_bf16, of_fp16) {
  check_queries<Config>(1.0f, [](std::mt19937& random, auto row) {
    std::normal_distribution<float> normal;
    const float rest = std::exp2(-static_cast<float>(between(random, 4, 9)));
    for (auto& x : row) x = typename Config::query{rest * normal(random)};
    row[random() % row.size()] = typename Config::query{1000.0f * rest * random_sign(random)};
  });
}

TEST_CASE_TEMPLATE("query rows with subnormal elements", Config, of_bf16, of_fp16) {
  check_queries<Config>(1.0f, [](std::mt19937& random, auto row) {
    for (auto& x : row)
      if (random() % 2 == 0) x = random_subnormal<typename Config::query>(random, random() % 4);
  });
}

TEST_CASE_TEMPLATE("query rows of nothing but subnormal elements", Config, of_bf16, of_fp16) {
  using query = typename Config::query;
  check_queries<Config>(smallest_normal<query>, [](std::mt19937& random, auto row) {
    const unsigned bits_lost = random() % 8;
    for (auto& x : row) x = random_subnormal<query>(random, bits_lost);
  });
}

// The key of one token has the signs of the queries and is as large as the format allows, the queries are such that
// its logit is that of the others and 10 to 40 more.
TEST_CASE_TEMPLATE("one token has nearly all of the probability", Config, of_bf16, of_fp16) {
  for_groups<Config>([]<class Problem>(std::type_identity<Problem>, problem_sizes sizes, std::mt19937& random) {
    sizes.lengths = {between(random, 100, 300)};
    Problem inputs{sizes, random};
    const auto favourite = random() % static_cast<unsigned>(sizes.lengths[0]);
    inputs.rewrite_keys([&](std::size_t number, auto row) {
      if (number == favourite) set_key(row, 1.0f);
    });
    aim_queries(inputs, random, 10.0f, 40.0f);
    return inputs;
  });
}

// One rounding of probabilities that all have the same sign: it does not average out. So many tokens have a larger one
// that every wave meets some, and so few that they do not matter.
TEST_CASE_TEMPLATE("the same probability for all tokens but every 50th", Config, of_bf16, of_fp16) {
  const auto make = []<class Problem>(std::type_identity<Problem>, problem_sizes sizes, std::mt19937& random) {
    sizes.lengths = {between(random, 1000, 2000)};
    Problem inputs{sizes, random};
    inputs.rewrite_keys([](std::size_t number, auto row) { set_key(row, number % 50 == 0 ? 1.0f : 0.5f); });
    inputs.rewrite_values([](std::size_t, auto row) {
      for (auto& x : row) x = typename decltype(row)::value_type{std::fabs(static_cast<float>(x))};
    });
    aim_queries(inputs, random, 0.2f, 3.0f);
    return inputs;
  };
  for_groups<Config>(make, by_two_terms_alike);
}

TEST_CASE_TEMPLATE("equal probability for each of 10^5 tokens", Config, of_bf16, of_fp16) {
  if (slow_device() && std::is_same_v<Config, of_fp16>) return;  // probabilities of 1 know nothing of the query's type
  in_readable_format<Config>([]<class Readable>(std::type_identity<Readable>) {
    const std::uint32_t seed = fresh_seed();
    std::mt19937 random{seed};
    INFO("PARAGON_SEED=" << seed);
    problem_of<Readable> inputs{
        {.head_dim = Config::head_dim, .value_dim = Config::value_dim, .group = 8, .lengths = {100000}}, random};
    inputs.rewrite_keys([](std::size_t, auto row) { set_key(row, 0.1f); });
    check_rows<Readable>(inputs, random);
  });
}
