#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <support/batches.hpp>
#include <support/decode_case.hpp>

using namespace paragon_test;

namespace {

constexpr int largest = std::numeric_limits<int>::max();

/// A problem's tables, to be broken. Page indices stand between entries that are no page numbers, so that ranges that
/// are slightly off stay within the array.
struct tables {
  static constexpr int margin = 64;
  std::vector<std::int32_t> indptr, indices, last, query_indptr;

  template <class Problem> explicit tables(const Problem& inputs) {
    const ragged_requests right = inputs.tables(false);
    const std::int32_t* queries = inputs.queries(false).indptr;
    indptr.assign(right.kv_indptr, right.kv_indptr + right.count + 1);
    indices.assign(right.kv_indices, right.kv_indices + indptr.back());
    last.assign(right.kv_last_page_len, right.kv_last_page_len + right.count);
    query_indptr.assign(queries, queries + right.count + 1);
  }
  std::int32_t& page(int request, int i) {
    return indices[static_cast<std::size_t>(indptr[static_cast<std::size_t>(request)] + i)];
  }
};

/// Tables on the device.
class uploaded {
 public:
  explicit uploaded(const tables& t)
      : count_{static_cast<int>(t.last.size())},
        indptr_{t.indptr},
        indices_{framed(t.indices)},
        last_{t.last},
        query_indptr_{t.query_indptr} {}

  template <class Arguments> void put_into(Arguments& arguments) const {
    arguments.requests = {count_, indptr_.data(), indices_.data() + tables::margin, last_.data()};
    arguments.queries.indptr = query_indptr_.data();
  }

 private:
  static std::vector<std::int32_t> framed(const std::vector<std::int32_t>& indices) {
    std::vector<std::int32_t> all(indices.size() + 2 * tables::margin, -1);
    for (std::size_t i = 0; i < all.size(); i += 3) all[i] = largest;
    std::ranges::copy(indices, all.begin() + tables::margin);
    return all;
  }
  int count_;
  device_buffer<std::int32_t> indptr_, indices_, last_, query_indptr_;
};

/// Breaks some entries: those of kv_indptr by a little, the others in any way.
void break_randomly(tables& t, std::mt19937& random) {
  const auto anything = [&] {
    const int choices[] = {0, -1, between(random, -20, 20), largest, -largest, static_cast<int>(random())};
    return choices[random() % 6];
  };
  const auto any_of = [&](std::vector<std::int32_t>& table) -> std::int32_t& { return table[random() % table.size()]; };
  for (int n = 0; n < 3; ++n) {
    const auto which = random() % 4;
    if (which == 0) any_of(t.indptr) += between(random, -20, 20);
    if (which == 1) any_of(t.indices) = anything();
    if (which == 2) any_of(t.last) = anything();
    if (which == 3) any_of(t.query_indptr) = anything();
  }
}

template <class Config> problem_of<Config> make_problem(std::mt19937& random, int requests) {
  problem_sizes sizes{.head_dim = 64, .value_dim = 64, .kv_heads = 2, .group = 3, .page_size = 4, .per_request = 2};
  for (int r = 0; r < requests; ++r) {
    sizes.lengths.push_back(between(random, 1, 14));
    sizes.query_counts.push_back(r + 1 < requests ? between(random, 0, 2) : 0);
  }
  sizes.padded = true;
  return {sizes, random};
}

}  // namespace

TEST_CASE("a wrong table never makes a kernel write outside its outputs") {
  using config = decode_config<bf16, bf16, nhd, 64>;
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  std::mt19937 random{seed};
  for (int round = 0; round < 60; ++round) {
    const auto inputs = make_problem<config>(random, 7);
    tables broken{inputs};
    break_randomly(broken, random);
    const uploaded on_device{broken};
    on_every_device(random, 0, [&] {
      decode_call<config> call{inputs, 1.0f};
      on_device.put_into(call.arguments);
      call.run();
      REQUIRE(call.out.written_outside([](int) { return true; }) == 0);
      REQUIRE(call.lse.written_outside([](int) { return true; }) == 0);
    });
  }
}

namespace {

/// A batch for check_tables: more requests than one round of the checking kernel takes.
template <class Config> struct checked_batch {
  static constexpr int requests = 300;
  std::uint32_t seed = fresh_seed();
  std::mt19937 random{seed};
  problem_of<Config> inputs = make_problem<Config>(random, requests);
  decode_call<Config> call{inputs, 1.0f};
  tables broken{inputs};

  status check() {
    const uploaded on_device{broken};
    on_device.put_into(call.arguments);
    call.prepare();
    return decode<Config>::check_tables(call.arguments, call.space(), platform::stream{});
  }
  /// Expects a refusal whose sentence holds all of these words.
  void expect(status_code code, std::initializer_list<std::string> words) {
    CAPTURE(seed);
    const status result = check();
    CHECK(result.code() == code);
    const std::string sentence = result.message();
    for (const std::string& word : words) {
      INFO("expected \"" << word << "\" in: " << sentence);
      CHECK(sentence.find(word) != std::string::npos);
    }
  }
};

template <class Config> void check_first_at_fault() {
  checked_batch<Config> batch;
  tables& t = batch.broken;

  SUBCASE("right tables pass") {
    const status result = batch.check();
    CHECK_MESSAGE(result.ok(), std::string{result.message()});
  }
  SUBCASE("kv_indptr falls") {
    t.indptr[278] = t.indptr[277] - 1;
    batch.expect(status_code::bad_table, {"request 277:", "kv_indptr", std::to_string(t.indptr[278])});
  }
  SUBCASE("kv_indptr is negative") {
    t.indptr[0] = -5;
    batch.expect(status_code::bad_table, {"request 0:", "kv_indptr", "-5"});
  }
  SUBCASE("a last page without a token") {
    t.last[299] = 0;
    batch.expect(status_code::bad_table, {"request 299:", "kv_last_page_len is 0", "1 to 4"});
  }
  SUBCASE("a last page with more tokens than slots") {
    t.last[3] = 5;
    batch.expect(status_code::bad_table, {"request 3:", "kv_last_page_len is 5", "1 to 4"});
  }
  SUBCASE("a negative page index") {
    t.page(120, 0) = -1;
    batch.expect(status_code::bad_table, {"request 120:", "page index -1"});
  }
  SUBCASE("a page index past the cache") {
    const auto pages = batch.inputs.kv(true).shape.pages;
    t.page(121, 0) = static_cast<std::int32_t>(pages);
    batch.expect(status_code::bad_table, {"request 121:", "page index " + std::to_string(pages)});
  }
  SUBCASE("the query indptr falls") {
    t.query_indptr[41] = t.query_indptr[40] - 2;
    batch.expect(status_code::bad_table, {"request 40:", "query indptr"});
  }
  SUBCASE("more query tokens than announced") {
    for (std::size_t r = 41; r < t.query_indptr.size(); ++r) t.query_indptr[r] += 3;
    batch.expect(status_code::bad_table, {"request 40", "query tokens", "2"});
  }
  SUBCASE("query rows past the query tensor") {
    const int rows = batch.inputs.query_rows();
    t.query_indptr[300] = rows + 1;
    batch.expect(status_code::bad_table, {"request 299:", std::to_string(rows + 1)});
  }
  SUBCASE("of several, the first") {
    for (const int request : {290, 5, 261, 77}) t.page(request, 0) = largest;
    batch.expect(status_code::bad_table, {"request 5:"});
  }
}

template <class Config> void check_wrong_descales() {
  for (const float wrong :
       {0.0f, -0.5f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
    for (const bool key : {true, false}) {
      checked_batch<Config> batch;
      const auto view = batch.inputs.kv(false);
      const auto& strides = view.descale.strides;
      const auto count = static_cast<std::size_t>(strides.offset(view.shape.pages, 0, 0));
      const float* from = key ? view.descale.key : view.descale.value;
      std::vector<float> factors(from, from + count);
      factors[static_cast<std::size_t>(strides.offset(batch.broken.page(200, 0), 0, 1))] = wrong;
      const device_buffer<float> on_device{factors};
      auto& descale = batch.call.arguments.kv.descale;
      (key ? descale.key : descale.value) = on_device.data();
      batch.expect(status_code::bad_scale, {key ? "key" : "value", "request "});
    }
}

template <class Config> void check_descales_of_device() {
  std::mt19937 random{fresh_seed()};
  const auto inputs = make_problem<Config>(random, 5);
  decode_call<Config> call{inputs, 1.0f};
  call.prepare();
  require_ok(decode<Config>::check_tables(call.arguments, call.space(), platform::stream{}));

  const device_buffer<float> wrong{std::vector<float>{-0.25f, 0.5f}};
  call.arguments.kv.descale.value = wrong.data();
  const status result = decode<Config>::check_tables(call.arguments, call.space(), platform::stream{});
  CHECK(result.code() == status_code::bad_scale);
  CHECK(std::string{result.message()}.find("value descale is -0.25") != std::string::npos);
}

}  // namespace

TEST_CASE("checked mode names the first request at fault") {
  in_readable_format<decode_config<bf16, fp8_e4m3fn, nhd, 64, per_token_head>>(
      []<class Config>(std::type_identity<Config>) { check_first_at_fault<Config>(); });
}

TEST_CASE("checked mode names the request of a descale that is no factor") {
  in_readable_format<decode_config<bf16, fp8_e4m3fn, nhd, 64, per_token_head>>(
      []<class Config>(std::type_identity<Config>) { check_wrong_descales<Config>(); });
}

TEST_CASE_TEMPLATE("checked mode reads descales of the device", Descale, per_head, per_tensor_on_device) {
  in_readable_format<decode_config<bf16, fp8_e4m3fn, nhd, 64, Descale>>(
      []<class Config>(std::type_identity<Config>) { check_descales_of_device<Config>(); });
}
