#include <doctest/doctest.h>

#include <support/batches.hpp>
#include <support/decode_case.hpp>

using namespace paragon_test;

namespace {

template <class Query, class KV, int HeadDim, int ValueDim = HeadDim>
using with_dims = decode_config<Query, KV, hnd, HeadDim, default_descale<KV>, variant<>, Query, ValueDim>;

template <class Config> void check_ragged() {
  for (const int group : {2, 9})
    check_decode<Config>([=](std::mt19937& random) {
      return ragged_batch(random, group, 7, Config::head_dim + Config::value_dim, 4e6);
    });
}

}  // namespace

TEST_CASE_TEMPLATE("head dims beside the usual ones", Config, with_dims<fp16, fp16, 8>, with_dims<fp16, fp8_e4m3fn, 8>,
                   with_dims<fp16, fp8_e4m3fnuz, 24>, with_dims<fp16, fp8_e4m3fn, 48>, with_dims<bf16, bf16, 72>,
                   with_dims<bf16, fp8_e4m3fn, 200>, with_dims<fp16, fp16, 328>, with_dims<bf16, fp8_e4m3fnuz, 504>) {
  check_ragged<Config>();
}

TEST_CASE_TEMPLATE("V of another head dim than K", Config, with_dims<bf16, fp8_e4m3fn, 192, 128>,
                   with_dims<fp16, fp16, 64, 512>, with_dims<fp16, fp8_e4m3fn, 512, 8>, with_dims<bf16, bf16, 8, 136>) {
  check_ragged<Config>();
}
