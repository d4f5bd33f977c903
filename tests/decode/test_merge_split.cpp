#include <doctest/doctest.h>

#include <cstring>
#include <support/batches.hpp>
#include <support/decode_case.hpp>

using namespace paragon_test;

namespace {

/// One giant somewhere among many small requests: the plan cuts it into partial states of many workgroups.
problem_sizes giant_among_small(std::mt19937& random, int page_size, int giant) {
  problem_sizes sizes{.kv_heads = 2, .group = 4, .page_size = page_size};
  for (int r = 0; r < 30; ++r) sizes.lengths.push_back(between(random, 0, 20));
  sizes.lengths[random() % 30] = giant;
  return sizes;
}

template <class T> bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

}  // namespace

TEST_CASE_TEMPLATE("one giant among many small requests", Config, decode_config<bf16, fp8_e4m3fn, nhd, 64>,
                   decode_config<fp16, fp16, hnd, 128, unscaled, variant<attention_sinks>>) {
  for (const int compute_units : {1, 2, 7, 16, 61})
    check_decode<Config>([](std::mt19937& random) { return giant_among_small(random, 16, between(random, 800, 2000)); },
                         compute_units);
}

TEST_CASE("several query tokens of rows that are cut") {
  for (const int compute_units : {3, 16, 33})
    check_decode<decode_config<bf16, fp8_e4m3fn, nhd, 64>>(
        [](std::mt19937& random) {
          problem_sizes sizes = giant_among_small(random, 7, between(random, 300, 900));
          sizes.per_request = 8;
          for (std::size_t r = 0; r < sizes.lengths.size(); ++r) sizes.query_counts.push_back(between(random, 0, 8));
          return sizes;
        },
        compute_units);
}

TEST_CASE("more workgroups than tiles") {
  check_decode<decode_config<bf16, fp8_e4m3fn, nhd, 64>>({.kv_heads = 1, .group = 8, .lengths = {200}}, 64);
  check_decode<decode_config<bf16, fp8_e4m3fn, nhd, 64>>({.kv_heads = 2, .group = 1, .lengths = {0, 3}}, 64);
}

TEST_CASE("hundreds of parts, which join over two levels") {
  check_decode<decode_config<bf16, fp8_e4m3fn, nhd, 64>>({.kv_heads = 1, .group = 1, .lengths = {3, 40000}}, 150);
}

TEST_CASE("row blocks of a large group, each cut on its own") {
  for (const int compute_units : {1, 5, 24})
    check_decode<decode_config<fp16, fp8_e4m3fn, nhd, 512>>(
        {.kv_heads = 1, .group = 100, .lengths = {150, 1, 0, 17}, .per_request = 3}, compute_units);
}

namespace {

template <class Config> void check_same_bits() {
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  std::mt19937 random{seed};
  problem_sizes sizes = giant_among_small(random, 16, 1500);
  sizes.head_dim = sizes.value_dim = 64;
  const problem_of<Config> inputs{sizes, random};
  on_every_device(random, 17, [&] {
    decode_call<Config> first{inputs, 1.0f};
    first.run();
    for (int again = 0; again < 5; ++again) {
      decode_call<Config> second{inputs, 1.0f};
      again % 2 == 0 ? second.run() : second.run_planned();
      CHECK(same_bits(first.out.all(), second.out.all()));
      CHECK(same_bits(first.lse.all(), second.lse.all()));
    }
  });
}

template <class Config> void check_one_workspace() {
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  std::mt19937 random{seed};
  on_every_device(random, 9, [&] {
    device_buffer<std::byte> memory{std::size_t{0}};
    for (int step = 0; step < 4; ++step) {
      problem_sizes sizes = giant_among_small(random, 16, between(random, 1, 900));
      sizes.head_dim = sizes.value_dim = 64;
      const problem_of<Config> inputs{sizes, random};
      decode_call<Config> call{inputs, 1.0f};
      std::size_t bytes = 0;
      require_ok(decode<Config>::workspace_size(call.arguments, bytes));
      if (step == 0) memory = device_buffer<std::byte>{bytes};
      REQUIRE(bytes == memory.size());  // lengths are not among what it depends on
      require_ok(decode<Config>::run(call.arguments, {memory.data(), memory.size()}, platform::stream{}));
      call.fetch();
      call.check(reference::attention(inputs.query(false), inputs.kv(false), inputs.tables(false),
                                      inputs.queries(false), inputs.softmax_scale),
                 1.0);
    }
  });
}

}  // namespace

TEST_CASE("two runs give the same bits") {
  in_readable_format<decode_config<bf16, fp8_e4m3fn, nhd, 64>>(
      []<class Config>(std::type_identity<Config>) { check_same_bits<Config>(); });
}

TEST_CASE("a workspace serves one step after another, of other lengths") {
  in_readable_format<decode_config<bf16, fp8_e4m3fn, nhd, 64>>(
      []<class Config>(std::type_identity<Config>) { check_one_workspace<Config>(); });
}
