#include <doctest/doctest.h>

#include <cache/append_case.hpp>
#include <string>

using namespace paragon;
using namespace append_test;

/// Every misuse that the host can see is refused with its code and a sentence with the value in it.
namespace {

template <class... Arguments> void refused(status_code code, const std::string& words, const Arguments&... arguments) {
  const status result = append(arguments..., nullptr);
  CAPTURE(words);
  CHECK(result.code() == code);
  CHECK_MESSAGE(std::string(result.message()).find(words) != std::string::npos, result.message());
}

struct fixture {
  std::mt19937 random{1};
  append_case<bf16, bf16, nhd, unscaled> c{{2, 4, 2, 64}, 6, {}, random};
  append_case<bf16, fp8_e4m3fn, nhd, per_token_head> rows{{2, 4, 2, 64}, 6, {}, random};
  heads_view<const bf16> keys = c.keys.rows.upload(), values = c.values.rows.upload();
  device_buffer<std::int64_t> mapping{std::vector<std::int64_t>{0, 1, 2, 3, 4, 5}};
  device_buffer<std::int32_t> table{std::vector<std::int32_t>{0, 1, 2}};
  slot_mapping slots{mapping.data()};
  ragged_requests requests{2, table.data(), table.data(), table.data()};
};

}  // namespace

TEST_CASE_FIXTURE(fixture, "null pointers") {
  auto cache = c.cache();
  heads_view<const bf16> none = keys;
  none.data = nullptr;
  refused(status_code::null_pointer, "new keys", none, values, cache, slots);
  refused(status_code::null_pointer, "new values", keys, none, cache, slots);
  refused(status_code::null_pointer, "slot mapping", keys, values, cache, slot_mapping{nullptr});
  cache.k.data = nullptr;
  refused(status_code::null_pointer, "K pages", keys, values, cache, slots);
  cache = c.cache();
  cache.v.data = nullptr;
  refused(status_code::null_pointer, "V pages", keys, values, cache, slots);
  auto with_factors = rows.cache();
  with_factors.descale.value = nullptr;
  refused(status_code::null_pointer, "value descale", keys, values, with_factors, slots);
  for (const auto& [member, name] : {std::pair{&ragged_requests::kv_indptr, "kv_indptr"},
                                     {&ragged_requests::kv_indices, "kv_indices"},
                                     {&ragged_requests::kv_last_page_len, "kv_last_page_len"}}) {
    ragged_requests incomplete = requests;
    incomplete.*member = nullptr;
    refused(status_code::null_pointer, name, keys, values, c.cache(), incomplete, query_tokens{3});
  }
}

TEST_CASE_FIXTURE(fixture, "shapes") {
  const auto with = [&](auto change) {
    auto cache = c.cache();
    change(cache.shape);
    return cache;
  };
  refused(status_code::bad_shape, "0 pages", keys, values, with([](kv_shape& s) { s.pages = 0; }), slots);
  refused(status_code::bad_shape, "of -4 slots", keys, values, with([](kv_shape& s) { s.page_size = -4; }), slots);
  refused(status_code::bad_shape, "head dim of 60", keys, values, with([](kv_shape& s) { s.head_dim = 60; }), slots);
  refused(status_code::bad_shape, "head dim of 520", keys, values, with([](kv_shape& s) { s.value_dim = 520; }), slots);
  refused(status_code::bad_shape, "2 heads; the cache has 1", keys, values, with([](kv_shape& s) { s.kv_heads = 1; }),
          slots);
  heads_view<const bf16> other = values;
  other.tokens = 5;
  refused(status_code::bad_shape, "6 tokens and 2 heads, new values 5 and 2", keys, other, c.cache(), slots);
  other.tokens = -6;
  refused(status_code::bad_shape, "-6 tokens", other, other, c.cache(), slots);
  refused(status_code::bad_shape, "6 new tokens; 2 requests with 2 each need 4", keys, values, c.cache(), requests,
          query_tokens{2});
  refused(status_code::bad_shape, "0 new tokens per request", keys, values, c.cache(), requests, query_tokens{0});
  requests.count = -1;
  refused(status_code::bad_shape, "-1 requests", keys, values, c.cache(), requests, query_tokens{1});
}

TEST_CASE_FIXTURE(fixture, "strides that let rows overlap") {
  auto cache = c.cache();
  cache.v.strides.head = 63;
  refused(status_code::bad_stride, "head stride of V is 63", keys, values, cache, slots);
  cache = c.cache();
  cache.k.strides.page = 4 * 128 - 1;
  refused(status_code::bad_stride, "page stride of K is 511", keys, values, cache, slots);
  cache = c.cache();
  cache.k.strides.slot = -128;
  refused(status_code::bad_stride, "slot stride of K is -128", keys, values, cache, slots);
  heads_view<const bf16> narrow = keys;
  narrow.token_stride = 100;
  refused(status_code::bad_stride, "token stride of new keys is 100", narrow, values, c.cache(), slots);
  auto with_factors = rows.cache();
  with_factors.descale.strides.slot = 1;
  refused(status_code::bad_stride, "stride of the descale factors", keys, values, with_factors, slots);
}

TEST_CASE_FIXTURE(fixture, "scales that are not") {
  fp8_e4m3fn pages[1024];
  for (const float bad :
       {0.0f, -1.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    const paged_kv_writer<fp8_e4m3fn> cache{pages, pages, {2, 4, 2, 64}, per_tensor{0.5f, bad}};
    refused(status_code::bad_scale, "the value descale is", keys, values, cache, slots);
  }
}

TEST_CASE_FIXTURE(fixture, "more rows than one launch has") {
  const auto huge = [](heads_view<const bf16> view) {
    view.tokens = 0x7fffffff;
    return view;
  };
  refused(status_code::grid_limit, "one launch has at most", huge(keys), huge(values), c.cache(), slots);
}
