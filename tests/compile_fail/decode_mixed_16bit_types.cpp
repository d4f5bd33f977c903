// expect: a 16-bit KV cache must have the query.s type: mixing bf16 and fp16 would round one of them
#include <paragon/decode/decode.hpp>

using namespace paragon;

using allowed = decode<decode_config<fp16, fp16, nhd, 128>>::arguments;
inline constexpr auto size_of_allowed = sizeof(allowed);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
using refused = decode<decode_config<bf16, fp16, nhd, 128>>::arguments;
inline constexpr auto size_of_refused = sizeof(refused);
#endif
