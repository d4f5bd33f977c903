#include <doctest/doctest.h>

#include <support/batches.hpp>
#include <support/decode_case.hpp>

using namespace paragon_test;

namespace {

template <class Query, class KV, int HeadDim, class Out, int ValueDim = HeadDim, class Descale = default_descale<KV>>
using with_output = decode_config<Query, KV, nhd, HeadDim, Descale, variant<>, Out, ValueDim>;

template <class Config> void check_ragged() {
  for (const int group : {1, 6})
    check_decode<Config>([=](std::mt19937& random) { return ragged_batch(random, group, 16, Config::head_dim, 2e6); });
}

}  // namespace

TEST_CASE_TEMPLATE("float outputs", Config, with_output<bf16, fp8_e4m3fn, 128, float>,
                   with_output<fp16, fp16, 64, float>, with_output<fp16, fp8_e4m3fnuz, 80, float, 40, per_head>) {
  check_ragged<Config>();
}

// The scale makes the largest outputs saturate.
TEST_CASE_TEMPLATE("fp8 outputs with a scale", Config, with_output<bf16, bf16, 96, fp8_e4m3fn>,
                   with_output<fp16, fp8_e4m3fn, 128, fp8_e4m3fn, 128, per_head>,
                   with_output<bf16, fp8_e4m3fnuz, 80, fp8_e4m3fnuz, 80, per_token_head>,
                   with_output<fp16, fp16, 40, fp8_e4m3fnuz, 24>) {
  check_ragged<Config>();
}
