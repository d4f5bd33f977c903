#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <support/decode_case.hpp>

using namespace paragon_test;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float quiet_nan = std::numeric_limits<float>::quiet_NaN();

template <class T> T* shifted(T* pointer, int bytes) {
  return reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(pointer) + static_cast<std::uintptr_t>(bytes));
}

/// A call that would succeed, for tests to spoil.
template <class Config> struct good_call {
  std::mt19937 random{fresh_seed()};
  problem_of<Config> inputs{{.head_dim = Config::head_dim,
                             .value_dim = Config::value_dim,
                             .kv_heads = 2,
                             .group = 3,
                             .page_size = 4,
                             .lengths = {5, 9},
                             .window = 3},
                            random};
  decode_call<Config> call{inputs, 0.5f};
  typename decode<Config>::arguments& arguments = call.arguments;

  good_call() {
    if (reads_formats<Config>()) call.prepare();
  }

  /// Expects that every entry refuses with this code and a sentence that contains `words`, and writes nothing.
  void expect(status_code code, const std::string& words) {
    std::size_t bytes = 0;
    const platform::stream stream{};
    const status results[] = {
        decode<Config>::run(arguments, call.space(), stream), decode<Config>::plan(arguments, call.space(), stream),
        decode<Config>::run_planned(arguments, call.space(), stream), decode<Config>::workspace_size(arguments, bytes)};
    for (const status& result : results) {
      INFO(std::string{result.message()});
      CHECK(result.code() == code);
      CHECK(std::string{result.message()}.find(words) != std::string::npos);
    }
    check_nothing_written();
  }
  void check_nothing_written() {
    call.fetch();
    CHECK(call.out.written_outside([](int) { return false; }) == 0);
    CHECK(call.lse.written_outside([](int) { return false; }) == 0);
  }
};

using plain = decode_config<bf16, bf16, nhd, 64>;
using quantised = decode_config<bf16, fp8_e4m3fn, nhd, 64>;

}  // namespace

TEST_CASE("the call that the others spoil succeeds") {
  good_call<plain> good;
  const status result = decode<plain>::run(good.arguments, good.call.space(), platform::stream{});
  CHECK_MESSAGE(result.ok(), std::string{result.message()});
}

TEST_CASE("null pointers") {
  good_call<plain> bad;
  SUBCASE("query") {
    bad.arguments.query.data = nullptr;
    bad.expect(status_code::null_pointer, "the query pointer is null");
  }
  SUBCASE("output") {
    bad.arguments.out.data = nullptr;
    bad.expect(status_code::null_pointer, "the output pointer is null");
  }
  SUBCASE("key cache") {
    bad.arguments.kv.k.data = nullptr;
    bad.expect(status_code::null_pointer, "the key cache pointer is null");
  }
  SUBCASE("value cache") {
    bad.arguments.kv.v.data = nullptr;
    bad.expect(status_code::null_pointer, "the value cache pointer is null");
  }
  SUBCASE("kv_indptr") {
    bad.arguments.requests.kv_indptr = nullptr;
    bad.expect(status_code::null_pointer, "the kv_indptr pointer is null");
  }
  SUBCASE("kv_indices") {
    bad.arguments.requests.kv_indices = nullptr;
    bad.expect(status_code::null_pointer, "the kv_indices pointer is null");
  }
  SUBCASE("kv_last_page_len, which pages of several tokens need") {
    bad.arguments.requests.kv_last_page_len = nullptr;
    bad.expect(status_code::null_pointer, "the kv_last_page_len pointer is null");
  }
}

TEST_CASE("pointers of variants and descales") {
  good_call<decode_config<bf16, bf16, nhd, 64, unscaled, variant<alibi>>> no_slopes;
  no_slopes.arguments.variant = {{nullptr}};
  no_slopes.expect(status_code::null_pointer, "ALiBi slopes");

  good_call<decode_config<bf16, bf16, nhd, 64, unscaled, variant<attention_sinks>>> no_sinks;
  no_sinks.arguments.variant = {{nullptr}};
  no_sinks.expect(status_code::null_pointer, "sinks");
}

TEST_CASE_TEMPLATE("descale arrays that are null", Descale, per_tensor_on_device, per_head, per_token_head) {
  good_call<decode_config<bf16, fp8_e4m3fn, nhd, 64, Descale>> no_key, no_value;
  no_key.arguments.kv.descale.key = nullptr;
  no_key.expect(status_code::null_pointer, "key descale");
  no_value.arguments.kv.descale.value = nullptr;
  no_value.expect(status_code::null_pointer, "value descale");
}

TEST_CASE("scales that are not finite and positive") {
  for (const float wrong : {0.0f, -1.0f, infinity, quiet_nan}) {
    CAPTURE(wrong);
    good_call<plain> softmax;
    softmax.arguments.softmax_scale = wrong;
    softmax.expect(status_code::bad_scale, "the softmax scale is ");

    good_call<decode_config<bf16, bf16, nhd, 64, unscaled, variant<soft_cap>>> cap;
    cap.arguments.variant = {{wrong}};
    cap.expect(status_code::bad_scale, "soft cap is ");

    good_call<quantised> key, value;
    key.arguments.kv.descale.key = wrong;
    key.expect(status_code::bad_scale, "the key descale is ");
    value.arguments.kv.descale.value = wrong;
    value.expect(status_code::bad_scale, "the value descale is ");

    good_call<decode_config<bf16, bf16, nhd, 64, unscaled, variant<>, fp8_e4m3fn>> out;
    out.arguments.out.scale = wrong;
    out.expect(status_code::bad_scale, "the output scale is ");
  }
}

TEST_CASE("shapes") {
  good_call<plain> bad;
  SUBCASE("query heads that do not divide over the KV heads") {
    bad.arguments.query.heads = bad.arguments.out.heads = 5;
    bad.expect(status_code::bad_shape, "5 query heads do not divide into groups over 2 KV heads");
  }
  SUBCASE("no KV heads") {
    bad.arguments.kv.shape.kv_heads = 0;
    bad.expect(status_code::bad_shape, "0 KV heads");
  }
  SUBCASE("a cache of another head dim than the kernel's") {
    bad.arguments.kv.shape.head_dim = 128;
    bad.expect(status_code::bad_shape, "head dim 128 and value dim 64; this kernel was built for 64 and 64");
  }
  SUBCASE("a cache of another value dim than the kernel's") {
    bad.arguments.kv.shape.value_dim = 32;
    bad.expect(status_code::bad_shape, "head dim 64 and value dim 32");
  }
  SUBCASE("page size") {
    bad.arguments.kv.shape.page_size = 0;
    bad.expect(status_code::bad_shape, "the page size is 0 tokens");
  }
  SUBCASE("pages") {
    bad.arguments.kv.shape.pages = 0;
    bad.expect(status_code::bad_shape, "the cache has 0 pages");
  }
  SUBCASE("more pages than an int32 index reaches") {
    bad.arguments.kv.shape.pages = std::int64_t{1} << 31;
    bad.expect(status_code::bad_shape, "2147483648 pages; allowed are 1 to 2147483647");
  }
  SUBCASE("fewer than no requests") {
    bad.arguments.requests.count = -1;
    bad.expect(status_code::bad_shape, "-1 requests");
  }
  SUBCASE("no query tokens") {
    bad.arguments.queries.per_request = 0;
    bad.expect(status_code::bad_shape, "0 query tokens per request; allowed are 1 to 8");
  }
  SUBCASE("too many query tokens") {
    bad.arguments.queries.per_request = 9;
    bad.expect(status_code::bad_shape, "9 query tokens per request; allowed are 1 to 8");
  }
  SUBCASE("a query of another number of tokens than the requests have") {
    bad.arguments.queries.per_request = 2;
    bad.expect(status_code::bad_shape, "the query has 2 tokens, but 2 requests of 2 query tokens each need 4");
  }
  SUBCASE("an output of another shape than the query's") {
    bad.arguments.out.tokens = 3;
    bad.expect(status_code::bad_shape, "the output is [3 tokens, 6 heads], but the query is [2, 6]");
  }
}

TEST_CASE("a window without tokens") {
  good_call<decode_config<bf16, bf16, nhd, 64, unscaled, variant<sliding_window>>> bad;
  bad.arguments.variant = {{0}};
  bad.expect(status_code::bad_shape, "the sliding window is 0 tokens");
}

TEST_CASE("strides that let rows overlap, or break the alignment of loads") {
  good_call<plain> bad;
  SUBCASE("query heads") {
    bad.arguments.query.head_stride = 56;
    bad.expect(status_code::bad_stride, "the head stride of the query is 56 elements; it must be at least 64");
  }
  SUBCASE("output tokens") {
    bad.arguments.out.token_stride = 63;
    bad.expect(status_code::bad_stride, "the token stride of the output is 63 elements; it must be at least 64");
  }
  SUBCASE("key slots") {
    bad.arguments.kv.k.strides.slot = 32;
    bad.expect(status_code::bad_stride, "the slot stride of the key cache is 32 elements; it must be at least 64");
  }
  SUBCASE("value pages") {
    bad.arguments.kv.v.strides.page = -512;
    bad.expect(status_code::bad_stride, "the page stride of the value cache is -512 elements");
  }
  SUBCASE("unaligned query") {
    bad.arguments.query.token_stride += 4;
    bad.expect(status_code::bad_stride, "it must be a multiple of 8");
  }
  SUBCASE("unaligned values") {
    bad.arguments.kv.v.strides.page += 2;
    bad.expect(status_code::bad_stride, "the page stride of the value cache");
  }
}

TEST_CASE("addresses that break the alignment of loads and stores") {
  good_call<plain> bad;
  SUBCASE("query") {
    bad.arguments.query.data = shifted(bad.arguments.query.data, 8);
    bad.expect(status_code::misaligned, "is not aligned to 16 bytes");
  }
  SUBCASE("output") {
    bad.arguments.out.data = shifted(bad.arguments.out.data, 2);
    bad.expect(status_code::misaligned, "the output pointer");
  }
  SUBCASE("key cache") {
    bad.arguments.kv.k.data = shifted(bad.arguments.kv.k.data, 4);
    bad.expect(status_code::misaligned, "the key cache pointer");
  }
  SUBCASE("value cache") {
    bad.arguments.kv.v.data = shifted(bad.arguments.kv.v.data, 8);
    bad.expect(status_code::misaligned, "the value cache pointer");
  }
}

TEST_CASE("workspaces") {
  good_call<plain> bad;
  std::size_t needed = 0;
  require_ok(decode<plain>::workspace_size(bad.arguments, needed));
  const auto run = [&](workspace space) {
    const platform::stream stream{};
    const status result = decode<plain>::run(bad.arguments, space, stream);
    CHECK(decode<plain>::plan(bad.arguments, space, stream).code() == result.code());
    CHECK(decode<plain>::run_planned(bad.arguments, space, stream).code() == result.code());
    bad.check_nothing_written();
    return result;
  };

  const status small = run({bad.call.space().data, needed - 1});
  CHECK(small.code() == status_code::workspace_too_small);
  CHECK(std::string{small.message()}.find(std::to_string(needed)) != std::string::npos);
  CHECK(run({nullptr, needed}).code() == status_code::null_pointer);
  CHECK(run({shifted(static_cast<std::byte*>(bad.call.space().data), 8), needed}).code() == status_code::misaligned);
}

TEST_CASE("an fp8 format that the device does not read") {
  using foreign_to_fn = decode_config<fp16, fp8_e4m3fnuz, nhd, 64>;
  using foreign_output = decode_config<bf16, bf16, nhd, 64, unscaled, variant<>, fp8_e4m3fnuz>;
#if PARAGON_PLATFORM_HOST
  const auto pretend = [](const char* name, platform::fp8_hardware fp8) {
    platform::device_info device{{}, platform::target_family::cdna3, 2, fp8};
    std::string{name}.copy(device.name, sizeof(device.name) - 1);
    platform::host::set_device(device);
  };
  pretend("a gfx942", platform::fp8_hardware::fnuz);
  good_call<quantised>{}.expect(status_code::unsupported_device,
                                "a gfx942 reads fp8_e4m3fnuz; this cache is fp8_e4m3fn");
  good_call<plain> without_fp8;
  require_ok(decode<plain>::run(without_fp8.arguments, without_fp8.call.space(), platform::stream{}));

  pretend("a gfx950", platform::fp8_hardware::fn);
  good_call<foreign_to_fn>{}.expect(status_code::unsupported_device,
                                    "a gfx950 reads fp8_e4m3fn; this cache is fp8_e4m3fnuz");
  good_call<foreign_output>{}.expect(status_code::unsupported_device, "fp8_e4m3fnuz");
  pretend("the host", platform::fp8_hardware::none);
#else
  switch (current_device().fp8) {
    case platform::fp8_hardware::none:
      break;
    case platform::fp8_hardware::fnuz:
      good_call<quantised>{}.expect(status_code::unsupported_device, "this cache is fp8_e4m3fn");
      break;
    case platform::fp8_hardware::fn:
      good_call<foreign_to_fn>{}.expect(status_code::unsupported_device, "this cache is fp8_e4m3fnuz");
      good_call<foreign_output>{}.expect(status_code::unsupported_device, "fp8_e4m3fnuz");
      break;
  }
#endif
}
