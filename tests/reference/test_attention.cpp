#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <paragon/reference/attention.hpp>
#include <vector>

using namespace paragon;
using doctest::Approx;

namespace {

constexpr float quiet_nan = std::numeric_limits<float>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
const double ln3 = std::log(3.0);

/// One request of three tokens in two pages of two slots, one KV head, head dim 1: small enough to compute by hand.
/// Pages 2 and 0 are the request's; page 1 and the second slot of page 0 hold NaN. With a unit query the logits are
/// the keys times the scale.
struct three_tokens {
  std::vector<std::int32_t> indptr{1, 3}, indices{-7, 2, 0}, last{1};
  std::vector<fp16> k, v, q;

  three_tokens(std::vector<float> keys, std::vector<float> values, int rows = 1) : q(static_cast<unsigned>(rows)) {
    for (const float x : {keys[2], quiet_nan, quiet_nan, quiet_nan, keys[0], keys[1]}) k.emplace_back(x);
    for (const float x : {values[2], quiet_nan, quiet_nan, quiet_nan, values[0], values[1]}) v.emplace_back(x);
    for (fp16& x : q) x = fp16{1.0f};
  }

  reference::result operator()(double scale, const reference::variant& with = {}, int heads = 1) const {
    const int tokens = static_cast<int>(q.size()) / heads;
    const paged_kv<fp16> kv{k.data(), v.data(), kv_shape{3, 2, 1, 1}};
    return reference::attention(contiguous_heads(q.data(), tokens, heads, 1), kv,
                                {1, indptr.data(), indices.data(), last.data()}, {tokens}, scale, with);
  }
};

}  // namespace

TEST_CASE("softmax of three tokens by hand") {
  const three_tokens batch{{0.0f, 1.0f, 0.0f}, {10.0f, 20.0f, -5.0f}};
  const reference::result result = batch(ln3);  // weights 1, 3, 1
  CHECK(result.out[0] == Approx((10.0 + 60.0 - 5.0) / 5.0).epsilon(1e-14));
  CHECK(result.mass[0] == Approx((10.0 + 60.0 + 5.0) / 5.0).epsilon(1e-14));
  CHECK(result.lse[0] == Approx(std::log(5.0)).epsilon(1e-14));
}

TEST_CASE("large logits do not overflow") {
  const three_tokens batch{{0.0f, 10000.0f, 10000.0f}, {1.0f, 2.0f, 4.0f}};
  const reference::result result = batch(100.0);
  CHECK(result.out[0] == Approx(3.0));
  CHECK(result.lse[0] == Approx(1e6 + std::log(2.0)).epsilon(1e-14));
}

TEST_CASE("query tokens are the last tokens and see no later one") {
  const three_tokens batch{{0.0f, 0.0f, 0.0f}, {1.0f, 2.0f, 6.0f}, 4};
  const reference::result result = batch(1.0);  // positions -1, 0, 1, 2
  CHECK(result.out[0] == 0.0);
  CHECK(result.lse[0] == -infinity);
  CHECK(result.out[1] == Approx(1.0));
  CHECK(result.out[2] == Approx(1.5));
  CHECK(result.out[3] == Approx(3.0));
  CHECK(result.lse[3] == Approx(ln3));
}

TEST_CASE("variants by hand") {
  const three_tokens two_rows{{1.0f, 0.0f, 1.0f}, {1.0f, 2.0f, 6.0f}, 2};

  SUBCASE("window: a query token sees the last tokens, itself included, and no NaN before them") {
    const three_tokens batch{{quiet_nan, 0.0f, 0.0f}, {quiet_nan, 2.0f, 6.0f}};
    CHECK(batch(1.0, {.window = 2}).out[0] == Approx(4.0));
    CHECK(batch(1.0, {.window = 1}).out[0] == Approx(6.0));
    CHECK(std::isnan(batch(1.0, {.window = 3}).out[0]));
    CHECK(two_rows(0.0, {.window = 2}).out[0] == Approx(1.5));
  }
  SUBCASE("soft cap") {
    const double capped = 2.0 * std::tanh(5.0 / 2.0), sum = 2.0 * std::exp(capped) + 1.0;
    const reference::result result = two_rows(5.0, {.soft_cap = 2.0});
    CHECK(result.out[1] == Approx((7.0 * std::exp(capped) + 2.0) / sum));
    CHECK(result.lse[1] == Approx(std::log(sum)));
  }
  SUBCASE("ALiBi counts from the query token's position") {
    const float slope = static_cast<float>(ln3);
    const reference::result result = two_rows(0.0, {.alibi_slopes = &slope});
    CHECK(result.lse[0] == Approx(std::log(1.0 + 1.0 / 3.0)));
    CHECK(result.lse[1] == Approx(std::log(1.0 + 1.0 / 3.0 + 1.0 / 9.0)));
    CHECK(result.out[1] == Approx((6.0 + 2.0 / 3.0 + 1.0 / 9.0) / (13.0 / 9.0)));
  }
  SUBCASE("sinks join the denominator and the LSE, of their own head") {
    const three_tokens heads{{0.0f, 0.0f, 0.0f}, {1.0f, 2.0f, 6.0f}, 2};
    const float sinks[] = {0.0f, static_cast<float>(std::log(5.0))};
    const reference::result result = heads(1.0, {.sinks = sinks}, 2);
    CHECK(result.out[0] == Approx(9.0 / 4.0));
    CHECK(result.out[1] == Approx(9.0 / 8.0));
    CHECK(result.lse[1] == Approx(std::log(8.0)));
  }
  SUBCASE("a row that sees nothing has no sink either") {
    const three_tokens rows{{0.0f, 0.0f, 0.0f}, {1.0f, 2.0f, 6.0f}, 4};
    const float sink = 1.0f;
    const reference::result result = rows(1.0, {.sinks = &sink});
    CHECK(result.out[0] == 0.0);
    CHECK(result.lse[0] == -infinity);
  }
  SUBCASE("a transform comes last, knows its position, and hides tokens with -inf") {
    const auto hide_middle = [](double logit, const reference::logit_position& at) {
      CHECK(at.query_position == at.query_token + 1);
      return at.kv_position == 1 ? -infinity : logit + at.query_token;
    };
    const reference::result result = two_rows(0.0, {.transform = hide_middle});
    CHECK(result.out[0] == Approx(1.0));
    CHECK(result.out[1] == Approx(3.5));
    CHECK(result.lse[1] == Approx(1.0 + std::log(2.0)));
  }
}

namespace {

/// Pages whose element says where it lies, with strides that leave gaps. All keys are equal to 0, so that the output is
/// the mean of the values.
template <class T> std::vector<T> labelled(const kv_shape& shape, const page_strides& strides, float unit) {
  std::vector<T> pages(static_cast<std::size_t>(strides.offset(shape.pages, 0, 0)), T{quiet_nan});
  for (int page = 0; page < shape.pages; ++page)
    for (int slot = 0; slot < shape.page_size; ++slot)
      for (int head = 0; head < shape.kv_heads; ++head)
        for (int d = 0; d < shape.value_dim; ++d)
          pages[static_cast<std::size_t>(strides.offset(page, slot, head) + d)] =
              T{unit * static_cast<float>(8 * page + 4 * slot + 2 * head + d)};
  return pages;
}

}  // namespace

TEST_CASE_TEMPLATE("pages, slots, heads and dims are found through the strides, V's own included", Layout, nhd, hnd) {
  const kv_shape shape{.pages = 3, .page_size = 2, .kv_heads = 2, .head_dim = 2};
  const page_strides key_strides = Layout::strides(2, 2, 3), value_strides = Layout::strides(2, 2, 5);
  const auto values = labelled<fp16>(shape, value_strides, 1.0f);
  const auto keys = labelled<fp16>(shape, key_strides, 0.0f);
  const std::int32_t indptr[] = {0, 2, 3}, indices[] = {2, 0, 1}, last[] = {1, 2}, query_indptr[] = {1, 2, 2};
  const std::vector<fp16> query(2 * 4 * 2, fp16{1.0f});
  const reference::result result =
      reference::attention(contiguous_heads(query.data(), 2, 4, 2),
                           paged_kv<fp16, Layout>{{keys.data(), key_strides}, {values.data(), value_strides}, shape},
                           {2, indptr, indices, last}, {1, query_indptr}, 1.0);

  // request 0 is row 1 and reads page 2, both slots, and slot 0 of page 0; request 1 has no row; row 0 is nobody's
  CHECK(std::isnan(result.out_row(0, 0)[0]));
  CHECK(std::isnan(result.lse[0]));
  const double mean = (16.0 + 20.0 + 0.0) / 3.0;
  for (int head = 0; head < 4; ++head)
    for (int d = 0; d < 2; ++d)
      CHECK(result.out_row(1, head)[static_cast<unsigned>(d)] == Approx(mean + 2 * (head / 2) + d));
}

TEST_CASE("a request without pages gives zeros and an LSE of -inf") {
  const std::int32_t indptr[] = {0, 0}, last[] = {0};
  const fp16 nothing[] = {fp16{1.0f}};
  const reference::result result =
      reference::attention(contiguous_heads(nothing, 1, 1, 1), paged_kv<fp16>{nothing, nothing, kv_shape{1, 1, 1, 1}},
                           {1, indptr, nullptr, last}, {}, 1.0);
  CHECK(result.out[0] == 0.0);
  CHECK(result.lse[0] == -infinity);
}

TEST_CASE_TEMPLATE("descales turn stored fp8 into real numbers", KV, fp8_e4m3fn, fp8_e4m3fnuz) {
  // One page of two tokens, two KV heads; the byte 0x38 is 1 in fn and 0.5 in fnuz. Equal keys of each head.
  const std::vector<KV> stored(4, KV::from_bits(0x38));
  const double one = std::is_same_v<KV, fp8_e4m3fn> ? 1.0 : 0.5;
  const std::int32_t indptr[] = {0, 1}, indices[] = {0}, last[] = {2};
  const std::vector<bf16> query(2, bf16{1.0f});
  const auto run = [&]<class Descale>(const Descale& descale) {
    const paged_kv<KV, nhd, Descale> kv{stored.data(), stored.data(), kv_shape{1, 2, 2, 1}, descale};
    return reference::attention(contiguous_heads(query.data(), 1, 2, 1), kv, {1, indptr, indices, last}, {}, 1.0);
  };
  const float key[] = {0.25f, 4.0f, 0.5f, 2.0f}, value[] = {3.0f, 0.125f, 5.0f, 7.0f};

  const reference::result tensor = run(per_tensor{key[0], value[0]});
  const reference::result on_device = run(per_tensor_on_device{key, value});
  for (const int head : {0, 1}) {
    CHECK(tensor.out[static_cast<unsigned>(head)] == Approx(3.0 * one));
    CHECK(tensor.lse[static_cast<unsigned>(head)] == Approx(0.25 * one + std::numbers::ln2));
  }
  CHECK(on_device.out == tensor.out);
  CHECK(on_device.lse == tensor.lse);

  const reference::result heads = run(per_head{key, value});
  CHECK(heads.out[0] == Approx(3.0 * one));
  CHECK(heads.out[1] == Approx(0.125 * one));
  CHECK(heads.lse[1] == Approx(4.0 * one + std::numbers::ln2));

  const reference::result rows = run(per_token_head{key, value, nhd::strides(2, 2, 1)});
  const double a = std::exp(4.0 * one), b = std::exp(2.0 * one);  // head 1: rows 1 and 3
  CHECK(rows.out[1] == Approx(one * (a * 0.125 + b * 7.0) / (a + b)));
  CHECK(rows.lse[1] == Approx(std::log(a + b)));
}

TEST_CASE("states of parts merge into the state of the whole") {
  const three_tokens batch{{0.0f, 1.0f, -2.0f}, {10.0f, 20.0f, -5.0f}};
  const reference::result whole = batch(1.5);
  const auto only = [&](int token) {
    return batch(1.5, {.transform = [=](double logit, const reference::logit_position& at) {
                   return token == at.kv_position ? logit : -infinity;
                 }});
  };
  const reference::result parts[] = {only(2), only(5), only(0), only(1)};
  CHECK(parts[1].lse[0] == -infinity);
  const reference::result merged = reference::merge_states(parts);
  CHECK(merged.out[0] == Approx(whole.out[0]).epsilon(1e-14));
  CHECK(merged.lse[0] == Approx(whole.lse[0]).epsilon(1e-14));
  const reference::result nothing = reference::merge_states({parts + 1, 1});
  CHECK(nothing.out[0] == 0.0);
  CHECK(nothing.lse[0] == -infinity);
}
