// expect: could not convert|no viable conversion|no matching constructor|no suitable constructor
#include <paragon/decode/decode.hpp>

using namespace paragon;

using arguments = decode<decode_config<bf16, bf16, nhd, 128, unscaled, variant<>, fp8_e4m3fn>>::arguments;

arguments f(heads_view<const bf16> q, paged_kv<bf16> kv, ragged_requests r, heads_view<fp8_e4m3fn> out) {
  return {.query = q, .kv = kv, .requests = r, .out = {out, 0.5f}, .softmax_scale = 1.0f};
}
#ifndef PARAGON_COMPILE_FAIL_CONTROL
arguments g(heads_view<const bf16> q, paged_kv<bf16> kv, ragged_requests r, heads_view<fp8_e4m3fn> out) {
  return {.query = q, .kv = kv, .requests = r, .out = out, .softmax_scale = 1.0f};
}
#endif
