// expect: per_tensor.*per_head
#include <paragon/decode/decode.hpp>

using namespace paragon;

using arguments = decode<decode_config<bf16, fp8_e4m3fn, nhd, 128, per_head>>::arguments;

void f(arguments& a, const paged_kv<fp8_e4m3fn, nhd, per_head>& kv) { a.kv = kv; }
#ifndef PARAGON_COMPILE_FAIL_CONTROL
void g(arguments& a, const paged_kv<fp8_e4m3fn, nhd, per_tensor>& kv) { a.kv = kv; }
#endif
