#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cache/append_case.hpp>
#include <numeric>

using namespace paragon;
using namespace append_test;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

template <class Source, class KV, class Layout, class Descale = default_descale<KV>>
using test_case = append_case<Source, KV, Layout, Descale>;

// Every source, storage type, layout and descale policy, each pair of them at least once.
using float_to_fn_per_tensor = test_case<float, fp8_e4m3fn, nhd, per_tensor>;
using bf16_to_fn_per_head = test_case<bf16, fp8_e4m3fn, hnd, per_head>;
using fp16_to_fn_on_device = test_case<fp16, fp8_e4m3fn, nhd, per_tensor_on_device>;
using bf16_to_fn_per_row = test_case<bf16, fp8_e4m3fn, nhd, per_token_head>;
using bf16_to_fnuz_per_tensor = test_case<bf16, fp8_e4m3fnuz, hnd, per_tensor>;
using float_to_fnuz_per_head = test_case<float, fp8_e4m3fnuz, nhd, per_head>;
using float_to_fnuz_on_device = test_case<float, fp8_e4m3fnuz, hnd, per_tensor_on_device>;
using fp16_to_fnuz_per_row = test_case<fp16, fp8_e4m3fnuz, hnd, per_token_head>;
using bf16_to_bf16 = test_case<bf16, bf16, nhd>;
using float_to_bf16 = test_case<float, bf16, hnd>;
using fp16_to_bf16 = test_case<fp16, bf16, hnd>;
using fp16_to_fp16 = test_case<fp16, fp16, hnd>;
using bf16_to_fp16 = test_case<bf16, fp16, nhd>;
using float_to_fp16 = test_case<float, fp16, nhd>;

#define EVERY_TYPE                                                                                                \
  float_to_fn_per_tensor, bf16_to_fn_per_head, fp16_to_fn_on_device, bf16_to_fn_per_row, bf16_to_fnuz_per_tensor, \
      float_to_fnuz_per_head, float_to_fnuz_on_device, fp16_to_fnuz_per_row, bf16_to_bf16, float_to_bf16,         \
      fp16_to_bf16, fp16_to_fp16, bf16_to_fp16, float_to_fp16

template <class... Choices> auto any_of(std::mt19937& random, Choices... choices) {
  const std::array options{choices...};
  return options[random() % options.size()];
}

/// Sizes from all over what is supported; value dims differ from head dims half of the time.
kv_shape random_shape(std::mt19937& random) {
  const int head_dim = any_of(random, 8, 64, 80, 96, 112, 128, 192, 256, 512);
  const int value_dim = random() % 2 == 0 ? head_dim : any_of(random, 16, 64, 72, 128);
  return {.pages = any_of(random, 6, 11),
          .page_size = any_of(random, 1, 7, 16),
          .kv_heads = any_of(random, 1, 2, 3, 8),
          .head_dim = head_dim,
          .value_dim = value_dim};
}

/// All slots of a cache in random order.
std::vector<std::int64_t> shuffled_slots(const kv_shape& shape, std::mt19937& random) {
  std::vector<std::int64_t> slots(static_cast<std::size_t>(shape.pages * shape.page_size));
  std::iota(slots.begin(), slots.end(), 0);
  std::shuffle(slots.begin(), slots.end(), random);
  return slots;
}

places places_of(const std::vector<std::int64_t>& slots, const kv_shape& shape) {
  places result;
  for (const std::int64_t slot : slots)
    result.push_back(slot < 0 || slot >= shape.pages * shape.page_size
                         ? std::nullopt
                         : std::optional{place{slot / shape.page_size, static_cast<int>(slot % shape.page_size)}});
  return result;
}

/// A ragged table without shared pages, and the first pages of the cache unused.
struct table {
  std::vector<std::int32_t> indptr, indices, last_page_len;
  std::int64_t pages = 2;

  table(const std::vector<int>& lengths, int page_size, std::mt19937& random) {
    indices.assign(random() % 3, -1);
    for (const int length : lengths) {
      indptr.push_back(static_cast<std::int32_t>(indices.size()));
      last_page_len.push_back(length == 0 ? 0 : (length - 1) % page_size + 1);
      for (int t = 0; t < length; t += page_size) indices.push_back(static_cast<std::int32_t>(pages++));
    }
    indptr.push_back(static_cast<std::int32_t>(indices.size()));
    std::shuffle(indices.begin() + indptr.front(), indices.end(), random);
  }

  place find(std::size_t request, int position, int page_size) const {
    return {indices.at(static_cast<std::size_t>(indptr[request] + position / page_size)), position % page_size};
  }
};

struct device_table {
  device_buffer<std::int32_t> indptr, indices, last_page_len;

  explicit device_table(const table& t) : indptr{t.indptr}, indices{t.indices}, last_page_len{t.last_page_len} {}

  ragged_requests view() const {
    return {static_cast<int>(last_page_len.size()), indptr.data(), indices.data(), last_page_len.data()};
  }
};

}  // namespace

TEST_CASE_TEMPLATE("tokens go to their slots, rounded, and nowhere else", Case, EVERY_TYPE) {
  const auto seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int repeat = 0; repeat < 5; ++repeat) {
    const kv_shape shape = random_shape(random);
    CAPTURE(shape.head_dim);
    CAPTURE(shape.value_dim);
    auto slots = shuffled_slots(shape, random);
    slots.resize(std::min<std::size_t>(slots.size(), 1 + random() % 40));
    Case c{shape, static_cast<int>(slots.size()), random_arrangements(random), random};
    const device_buffer<std::int64_t> mapping{slots};
    c.append(slot_mapping{mapping.data()});
    c.check(places_of(slots, shape));
  }
}

TEST_CASE_TEMPLATE("one tensor that vector accesses cannot serve", Case, bf16_to_bf16, float_to_fn_per_tensor,
                   fp16_to_fnuz_per_row) {
  std::mt19937 random(5);
  const kv_shape shape{.pages = 2, .page_size = 3, .kv_heads = 2, .head_dim = 64, .value_dim = 72};
  const std::vector<std::int64_t> slots{4, 0, 5};
  const device_buffer<std::int64_t> mapping{slots};
  for (std::size_t tensor = 0; tensor < 4; ++tensor)
    for (const arrangement odd : {odd_strides, odd_address}) {
      CAPTURE(tensor);
      arrangements a{};
      a[tensor] = odd;
      Case c{shape, static_cast<int>(slots.size()), a, random};
      c.append(slot_mapping{mapping.data()});
      c.check(places_of(slots, shape));
    }
}

TEST_CASE_TEMPLATE("slots outside of the cache are skipped", Case, bf16_to_fn_per_row, bf16_to_bf16) {
  const auto seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const kv_shape shape{.pages = 4, .page_size = 5, .kv_heads = 2, .head_dim = 64};
  for (const arrangements& a : {arrangements{}, random_arrangements(random)}) {
    auto slots = shuffled_slots(shape, random);
    slots.resize(8);
    const std::int64_t end = shape.pages * shape.page_size;
    for (const std::int64_t outside :
         {std::int64_t{-1}, std::int64_t{-2}, end, end + 1, std::int64_t{1} << 33, INT64_MAX, INT64_MIN, -end})
      slots.insert(slots.begin() + static_cast<std::ptrdiff_t>(random() % slots.size()), outside);
    Case c{shape, static_cast<int>(slots.size()), a, random};
    const device_buffer<std::int64_t> mapping{slots};
    c.append(slot_mapping{mapping.data()});
    c.check(places_of(slots, shape));
  }
}

TEST_CASE_TEMPLATE("the ragged table says where the last tokens of each request go", Case, bf16_to_fn_per_head,
                   fp16_to_fp16) {
  const auto seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const int page_size : {1, 7, 16}) {
    for (const int new_tokens : {1, 3, 8, 11}) {
      CAPTURE(page_size);
      CAPTURE(new_tokens);
      const std::vector<int> lengths{0, 1, page_size, 2 * page_size + 1, 3 * page_size - 1, 0, 40};
      const table t{lengths, page_size, random};
      places expected;
      for (std::size_t r = 0; r < lengths.size(); ++r)
        for (int j = 0; j < new_tokens; ++j) {
          const int position = lengths[r] - new_tokens + j;
          expected.push_back(position < 0 ? std::nullopt : std::optional{t.find(r, position, page_size)});
        }
      Case c{{t.pages, page_size, 2, 64}, static_cast<int>(expected.size()), {}, random};
      const device_table on_device{t};
      auto requests = on_device.view();
      if (page_size == 1) requests.kv_last_page_len = nullptr;
      c.append(requests, query_tokens{new_tokens});
      c.check(expected);
    }
  }
}

TEST_CASE_TEMPLATE("requests with different numbers of new tokens", Case, fp16_to_fnuz_per_row, bf16_to_bf16) {
  const auto seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const int page_size = any_of(random, 1, 3, 16);
  const std::vector<int> lengths{0, 5, 1, 100, 17, 0, 0, 33, 2};
  const std::vector<int> counts{0, 2, 1, 100, 0, 0, 0, 30, 2};
  const table t{lengths, page_size, random};
  std::vector<std::int32_t> rows{3};  // the rows before it and one behind the last belong to nobody
  places expected(3);
  for (std::size_t r = 0; r < lengths.size(); ++r) {
    rows.push_back(rows.back() + counts[r]);
    for (int j = 0; j < counts[r]; ++j) expected.push_back(t.find(r, lengths[r] - counts[r] + j, page_size));
  }
  expected.push_back(std::nullopt);
  Case c{
      {t.pages, page_size, 3, 80, 64}, static_cast<int>(expected.size()), {aligned, aligned, aligned, aligned}, random};
  const device_table on_device{t};
  const device_buffer<std::int32_t> row_indptr{rows};
  c.append(on_device.view(), query_tokens{.indptr = row_indptr.data()});
  c.check(expected);
}

TEST_CASE("a table that contradicts itself writes nothing outside of the cache") {
  const auto seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  constexpr int page_size = 4;
  // Requests: page beyond the cache, negative page, falling indptr, last page length too large, and too small.
  const device_buffer<std::int32_t> indptr{std::vector<std::int32_t>{0, 1, 2, 1, 3, 4}};
  const device_buffer<std::int32_t> indices{std::vector<std::int32_t>{6, -1, 3, 5}};
  const device_buffer<std::int32_t> last_page_len{std::vector<std::int32_t>{1, 2, 3, 1000, -7}};
  test_case<float, fp8_e4m3fn, nhd, per_token_head> c{{6, page_size, 2, 64}, 5, {}, random};
  c.append(ragged_requests{5, indptr.data(), indices.data(), last_page_len.data()}, query_tokens{1});
  // What is left is read as if it were in range: request 3 has two full pages, request 4 one token.
  c.check({std::nullopt, std::nullopt, std::nullopt, place{3, 3}, place{5, 0}});
}

TEST_CASE_TEMPLATE("fp8 saturates, keeps NaN and rounds ties to even", KV, fp8_e4m3fn, fp8_e4m3fnuz) {
  std::mt19937 random(1);
  test_case<float, KV, nhd, per_tensor> c{{1, 1, 1, 16}, 1, {}, random};
  constexpr float unit = 0.25f, top = max_finite<KV>;
  c.keys.given[0] = unit;
  // 17, 19 and their like lie half way between two fp8 numbers.
  const std::vector<float> numbers{17,       -19,       top,          -top, 2 * top, -3e38f,
                                   infinity, -infinity, not_a_number, 0,    1e-30f,  21};
  for (std::size_t d = 0; d < numbers.size(); ++d) c.keys.rows.set(0, 0, static_cast<int>(d), numbers[d] * unit);
  const device_buffer<std::int64_t> mapping{std::vector<std::int64_t>{0}};
  c.append(slot_mapping{mapping.data()});
  c.check({place{0, 0}});
  const std::vector<float> stored{16, -20, top, -top, top, -top, top, -top, not_a_number, 0, 0, 20};
  for (std::size_t d = 0; d < stored.size(); ++d) {
    CAPTURE(d);
    const auto value = static_cast<float>(c.keys.pages.take(static_cast<std::int64_t>(d)));
    CHECK((std::isnan(stored[d]) ? std::isnan(value) : value == stored[d]));
  }
}

TEST_CASE_TEMPLATE("a factor per row keeps the cache readable whatever the row holds", KV, fp8_e4m3fn, fp8_e4m3fnuz) {
  std::mt19937 random(2);
  constexpr int heads = 6, dim = 24;
  test_case<float, KV, hnd, per_token_head> c{{3, 2, heads, dim}, 1, {}, random};
  const float fills[heads] = {0.0f, 1e-42f, 3e38f, 0.0f, 0.0f, 1.0f};
  for (auto* one : {&c.keys, &c.values})
    for (int h = 0; h < heads; ++h)
      for (int d = 0; d < dim; ++d) one->rows.set(0, h, d, fills[h] * (d % 2 == 0 ? 1.0f : -0.5f));
  c.keys.rows.set(0, 3, 5, infinity);  // nothing finite but zeros
  c.keys.rows.set(0, 4, 6, not_a_number);
  c.keys.rows.set(0, 5, 7, -infinity);
  const device_buffer<std::int64_t> mapping{std::vector<std::int64_t>{3}};
  c.append(slot_mapping{mapping.data()});
  c.check({place{1, 1}});

  const auto stored = [&](int head, int d) {
    return static_cast<float>(c.keys.pages.take(c.keys.strides.offset(1, 1, head) + d));
  };
  const auto factor = [&](int head) { return c.keys.row_factors.take(c.keys.factor_strides.offset(1, 1, head)); };
  for (int h = 0; h < heads; ++h) CHECK((std::isnormal(factor(h)) && factor(h) > 0.0f));
  CHECK(stored(0, 0) == 0.0f);
  CHECK(stored(2, 0) == max_finite<KV>);
  CHECK(stored(3, 5) == max_finite<KV>);
  CHECK(std::isnan(stored(4, 6)));
  CHECK(stored(5, 7) == -max_finite<KV>);
  CHECK(stored(5, 0) == max_finite<KV>);
  CHECK(factor(5) == doctest::Approx(1.0 / static_cast<double>(max_finite<KV>)));
}

TEST_CASE("16-bit caches keep bits of their own type and round others") {
  std::mt19937 random(3);
  bf16_to_bf16 same{{1, 1, 1, 8}, 1, {}, random};
  float_to_fp16 narrowed{{1, 1, 1, 8}, 1, {}, random};
  for (int d = 0; d < 8; ++d) {
    same.keys.rows.set(0, 0, d, d == 3 ? -infinity : -0.0f);
    narrowed.keys.rows.set(0, 0, d, d == 3 ? 1e6f : 2049.0f + static_cast<float>(d));
  }
  const device_buffer<std::int64_t> mapping{std::vector<std::int64_t>{0}};
  same.append(slot_mapping{mapping.data()});
  narrowed.append(slot_mapping{mapping.data()});
  same.check({place{0, 0}});
  narrowed.check({place{0, 0}});
  CHECK(same.keys.pages.take(0).bits == 0x8000);
  CHECK(static_cast<float>(narrowed.keys.pages.take(3)) == infinity);
}

TEST_CASE("no tokens, no writes") {
  std::mt19937 random(4);
  bf16_to_fn_per_head c{{1, 1, 1, 8}, 0, {}, random};
  const device_buffer<std::int64_t> mapping{0};
  c.append(slot_mapping{mapping.data()});
  c.check({});
}

TEST_CASE("the writer and its reader are the same cache") {
  fp8_e4m3fn pages[64];
  float factors[8];
  const paged_kv_writer<fp8_e4m3fn, hnd, per_token_head> cache{
      pages, pages + 32, {1, 2, 2, 8}, per_token_head_target{factors, factors + 4, hnd::strides(2, 2, 1)}};
  const paged_kv<fp8_e4m3fn, hnd, per_token_head> kv = cache.read();
  CHECK(kv.k.data == pages);
  CHECK(kv.v.data == pages + 32);
  CHECK(kv.k.strides.head == 16);
  CHECK(kv.shape.head_dim == 8);
  CHECK(kv.descale.value == factors + 4);
  static_assert(std::is_trivially_copyable_v<decltype(cache)>);
}
