#include <doctest/doctest.h>

#include <compat/aiter_batch.hpp>
#include <cstring>
#include <support/compare.hpp>
#include <support/devices.hpp>
#include <support/readable_format.hpp>

using namespace paragon;
using namespace paragon_test;

namespace {

using grid_dims = aiter::head_dims<64, 128>;
using grid_types = aiter::type_list<aiter::element_types<bf16, bf16>, aiter::element_types<fp16, fp16>>;
using fp8_dims = aiter::head_dims<64>;
using fp8_types = aiter::type_list<aiter::element_types<bf16, fp8_e4m3fn>, aiter::element_types<fp16, fp8_e4m3fnuz>,
                                   aiter::element_types<bf16, fp8_e4m3fn, fp8_e4m3fn>>;

/// Sizes the workspace and calls.
template <class HeadDims, class Types> status call(aiter::ragged_arguments arguments) {
  std::size_t bytes = 0;
  if (status s = aiter::workspace_size<HeadDims, Types>(arguments, bytes); !s) return s;
  device_buffer<std::byte> memory{bytes};
  arguments.workspace_buffer = {memory.data(), bytes};
  status s = aiter::paged_attention_ragged<HeadDims, Types>(arguments, {});
  static_cast<void>(memory.download());  // waits: the workspace is about to go
  return s;
}
status call_half(const aiter::ragged_arguments& a) { return call<grid_dims, grid_types>(a); }
status call_fp8(const aiter::ragged_arguments& a) { return call<fp8_dims, fp8_types>(a); }

template <class Query, class KV>
void check_call(const aiter_problem<Query, KV>& problem, const aiter_batch<Query, KV>& batch,
                const reference::result& expected, float soft_cap, bool alibi) {
  guarded_output<Query> out{problem.rows(), problem.heads, problem.dim, true};
  const aiter::ragged_arguments arguments = batch.arguments(out, soft_cap, alibi);
  status s;
  if constexpr (fp8_element<KV>)
    s = call_fp8(arguments);
  else
    s = call_half(arguments);
  REQUIRE_MESSAGE(s.ok(), s.message());
  out.fetch();
  check_output<Query>(out, expected);
}

struct head_counts {
  int query, kv;
};
constexpr head_counts grid_heads[] = {{8, 1}, {4, 2}, {32, 4}};
constexpr int grid_blocks[] = {1, 16, 32};
constexpr float grid_caps[] = {0.0f, 30.0f};

/// All of the grid that is left for one batch: blocks, layouts, ALiBi, soft cap.
template <class Query> void check_batch(int context, int sequences, head_counts heads, int dim) {
  CAPTURE(context);
  CAPTURE(sequences);
  CAPTURE(heads.query);
  CAPTURE(dim);
  const aiter_problem<Query, Query> problem{std::vector<int>(static_cast<std::size_t>(sequences), context), heads.query,
                                            heads.kv, dim};
  std::vector<reference::result> expected;
  for (const float cap : grid_caps)
    for (const bool alibi : {false, true}) expected.push_back(problem.expected(cap, alibi));
  for (const int block : grid_blocks)
    for (const bool nhd : {true, false}) {
      CAPTURE(block);
      CAPTURE(nhd);
      const aiter_batch<Query, Query> batch{problem, block, nhd};
      auto next = expected.begin();
      for (const float cap : grid_caps)
        for (const bool alibi : {false, true}) check_call(problem, batch, *next++, cap, alibi);
    }
}

}  // namespace

TEST_CASE_TEMPLATE("the grid of aiter's own tests", Query, bf16, fp16) {
  if (slow_device()) {
    // Everything but the large batches: each of the rest with one of these.
    const std::vector<std::pair<int, int>> batches{{1, 3}, {26, 3}, {128, 1}, {26, 1}, {1, 1}, {128, 3}};
    auto batch = batches.begin();
    for (const head_counts heads : grid_heads)
      for (const int dim : {64, 128}) {
        check_batch<Query>(batch->first, batch->second, heads, dim);
        ++batch;
      }
    return;
  }
  for (const int context : {1, 26, 128, 4097})
    for (const int sequences : {1, 3, 31, 128})
      for (const head_counts heads : grid_heads)
        for (const int dim : {64, 128}) check_batch<Query>(context, sequences, heads, dim);
}

TEST_CASE("an fp8 cache is read with the scales it was written with") {
  const std::vector<int> lengths{70, 0, 129, 16};
  for (const float cap : grid_caps) {
    const bool alibi = cap > 0.0f;
    if (reads_format<fp8_e4m3fn>()) {
      const aiter_problem<bf16, fp8_e4m3fn> problem{lengths, 6, 2, 64};
      check_call(problem, aiter_batch{problem, 16, true}, problem.expected(cap, alibi), cap, alibi);
    }
    if (reads_format<fp8_e4m3fnuz>()) {
      const aiter_problem<fp16, fp8_e4m3fnuz> problem{lengths, 6, 2, 64};
      check_call(problem, aiter_batch{problem, 1, false}, problem.expected(cap, alibi), cap, alibi);
    }
  }
}

TEST_CASE("an fp8 output has the scale that was given") {
  if (!reads_format<fp8_e4m3fn>()) return;
  const aiter_problem<bf16, fp8_e4m3fn> problem{{33, 5}, 4, 2, 64};
  const aiter_batch<bf16, fp8_e4m3fn> batch{problem, 16, true};
  guarded_output<fp8_e4m3fn> out{problem.rows(), problem.heads, problem.dim, false};
  aiter::ragged_arguments arguments = batch.arguments(out, 0.0f, false);
  CHECK(call_fp8(arguments).code() == status_code::bad_scale);
  arguments.fp8_out_scale = 0.004f;
  const status s = call_fp8(arguments);
  REQUIRE_MESSAGE(s.ok(), s.message());
  out.fetch();
  check_output<bf16>(out, problem.expected(0.0f, false), static_cast<double>(0.004f));
}

TEST_CASE("what aiter cannot do") {
  SUBCASE("requests of length 0, ragged lengths, blocks of any size") {
    const aiter_problem<bf16, bf16> problem{{0, 77, 1, 0, 48}, 8, 2, 64};
    check_call(problem, aiter_batch{problem, 24, true}, problem.expected(0.0f, true), 0.0f, true);
  }
  SUBCASE("more than 16 query heads per KV head") {
    const aiter_problem<fp16, fp16> problem{{40, 19}, 48, 2, 64};
    check_call(problem, aiter_batch{problem, 16, false}, problem.expected(30.0f, false), 30.0f, false);
  }
  SUBCASE("several query tokens per request: rows request by request, causal") {
    const aiter_problem<bf16, bf16> problem{{40, 3, 130}, 4, 1, 64, 3};
    check_call(problem, aiter_batch{problem, 16, true}, problem.expected(0.0f, true), 0.0f, true);
  }
}

namespace {

/// A call that works, to be spoilt.
struct working_call {
  aiter_problem<bf16, bf16> problem{{20, 7}, 4, 2, 64};
  aiter_batch<bf16, bf16> batch{problem, 16, true};
  guarded_output<bf16> out{2, 4, 64, false};
  aiter::ragged_arguments arguments = batch.arguments(out, 0.0f, false);

  void refused(status_code code, const char* words) {
    const status s = call_half(arguments);
    CHECK(s.code() == code);
    CHECK_MESSAGE(std::strstr(s.message(), words) != nullptr, s.message());
    out.fetch();
    CHECK(out.written_outside([](int) { return false; }) == 0);
  }
};

}  // namespace

TEST_CASE("arguments of other tensors and strides") {
  working_call c;
  SUBCASE("an extent of one may have any stride") {
    aiter_problem<bf16, bf16> problem{{20, 7}, 4, 1, 64};
    const aiter_batch<bf16, bf16> batch{problem, 1, true};
    c.arguments = batch.arguments(c.out, 0.0f, false);
    c.arguments.key_cache.strides[1] = c.arguments.value_cache.strides[2] = 0;
    const status s = call_half(c.arguments);
    REQUIRE_MESSAGE(s.ok(), s.message());
    c.out.fetch();
    check_output<bf16>(c.out, problem.expected(0.0f, false));
  }
  SUBCASE("K and V have their own strides, the query's rows may have gaps") {
    // V's pages and the query's rows doubled, every other one of them NaN
    const auto spread = [](const void* data, std::int64_t rows, std::int64_t elements) {
      std::vector<bf16> from(static_cast<std::size_t>(rows * elements)), to(2 * from.size(), poison<bf16>());
      memory::copy(from.data(), data, from.size() * sizeof(bf16));
      for (std::int64_t r = 0; r < rows; ++r)
        std::copy_n(from.begin() + r * elements, elements, to.begin() + 2 * r * elements);
      return device_buffer<bf16>{to};
    };
    auto& value = c.arguments.value_cache;
    auto& query = c.arguments.query;
    const device_buffer<bf16> values = spread(value.data, value.sizes[0], value.strides[0]);
    const device_buffer<bf16> queries = spread(query.data, query.sizes[0], query.strides[0]);
    value.data = values.data();
    query.data = queries.data();
    value.strides[0] *= 2;
    query.strides[0] *= 2;
    const status s = call_half(c.arguments);
    REQUIRE_MESSAGE(s.ok(), s.message());
    c.out.fetch();
    check_output<bf16>(c.out, c.problem.expected(0.0f, false));
  }
  SUBCASE("partitions mean nothing") {
    c.arguments.max_num_partitions = -1;
    c.arguments.partition_size = 0;
    CHECK(call_half(c.arguments).ok());
  }
  SUBCASE("with \"auto\" the scales are not read") {
    c.arguments.k_scale = c.arguments.v_scale = nullptr;
    CHECK(call_half(c.arguments).ok());
  }
}

TEST_CASE("refusals") {
  working_call c;
  aiter::ragged_arguments& a = c.arguments;
  SUBCASE("dtype name") {
    a.kv_cache_dtype = "fp8_e5m2";
    c.refused(status_code::unsupported_dtype, "\"fp8_e5m2\" is not supported");
  }
  SUBCASE("dtype name and cache") {
    a.kv_cache_dtype = "fp8";
    c.refused(status_code::unsupported_dtype, "kv_cache_dtype is \"fp8\", but the cache is bf16");
  }
  SUBCASE("\"auto\" and a cache of another type") {
    a.query.dtype = element_type::fp16;
    c.refused(status_code::unsupported_dtype, "kv_cache_dtype is \"auto\", but the cache is bf16 and the query fp16");
  }
  SUBCASE("layout") {
    a.kv_cache_layout = "nhd";
    c.refused(status_code::bad_shape, "kv_cache_layout \"nhd\" is not known; accepted are NHD and HND");
  }
  SUBCASE("block size") {
    a.block_size = 32;
    c.refused(status_code::bad_shape, "block_size is 32, but in layout NHD the cache has blocks of 16");
  }
  SUBCASE("caches of different shape") {
    a.value_cache.sizes[2] = 1;
    c.refused(status_code::bad_shape, "size 2 of key_cache is 2, but that of value_cache is 1");
  }
  SUBCASE("caches of different types") {
    a.value_cache.dtype = element_type::fp16;
    c.refused(status_code::unsupported_dtype, "key_cache is bf16, but value_cache is fp16");
  }
  SUBCASE("head dims that disagree") {
    a.query.sizes[2] = 128;
    c.refused(status_code::bad_shape, "the head dims of query, caches and out are 128, 64 and 64");
  }
  SUBCASE("a head dim without a kernel") {
    a.query.sizes[2] = a.out.sizes[2] = a.key_cache.sizes[3] = a.value_cache.sizes[3] = 32;
    c.refused(status_code::not_in_list, "bf16 x bf16 nhd 32 is not among the configurations");
  }
  SUBCASE("rows that are not whole requests") {
    a.mtp = 3;
    c.refused(status_code::bad_shape, "mtp is 3 and the query has 2 rows");
  }
  SUBCASE("last stride") {
    a.key_cache.strides[3] = 2;
    c.refused(status_code::bad_stride, "the last stride of key_cache is 2");
  }
  SUBCASE("size that is no int") {
    a.out.sizes[0] = std::int64_t{1} << 33;
    c.refused(status_code::bad_shape, "a size of out is 8589934592");
  }
  SUBCASE("soft cap") {
    a.logits_soft_cap = -30.0f;
    c.refused(status_code::bad_scale, "logits_soft_cap is -30");
  }
  SUBCASE("workspace") {
    a.workspace_buffer = {nullptr, 16};
    CHECK(aiter::paged_attention_ragged<grid_dims, grid_types>(a, {}).code() == status_code::workspace_too_small);
  }
  SUBCASE("fp8 without scales, and of the format that the device does not read") {
    a.key_cache.dtype = a.value_cache.dtype = element_type::fp8_e4m3fn;
    a.kv_cache_dtype = "fp8";
    const float* given = a.k_scale;
    a.v_scale = nullptr;
    CHECK(call_fp8(a).code() == status_code::null_pointer);
    a.v_scale = given;
    a.k_scale = nullptr;
    CHECK(call_fp8(a).code() == status_code::null_pointer);
    if (!reads_format<fp8_e4m3fn>()) {
      a.k_scale = given;
      CHECK(call_fp8(a).code() == status_code::unsupported_device);
    }
  }
}
