#include <doctest/doctest.h>

#include <support/batches.hpp>
#include <support/decode_case.hpp>

using namespace paragon_test;

// One kernel of every pair of types, for devices on which there is no time for the whole matrix.
TEST_CASE_TEMPLATE("query and KV types", Config, decode_config<bf16, bf16, nhd, 128>,
                   decode_config<fp16, fp16, hnd, 64>, decode_config<bf16, fp8_e4m3fn, nhd, 64>,
                   decode_config<fp16, fp8_e4m3fn, hnd, 128, per_token_head>,
                   decode_config<bf16, fp8_e4m3fnuz, nhd, 128, per_head>,
                   decode_config<fp16, fp8_e4m3fnuz, hnd, 64, per_tensor_on_device>) {
  if (!reads_formats<Config>()) return;
  for (const int page_size : {1, 7, 16})
    for (const int group : {1, 8, 20})
      check_decode<Config>(
          [=](std::mt19937& random) { return ragged_batch(random, group, page_size, Config::head_dim, 2e6); });
}
