// expect: the query type must be bf16 or fp16
#include <paragon/decode/decode.hpp>

using namespace paragon;

using allowed = decode<decode_config<bf16, fp8_e4m3fn, nhd, 128>>::arguments;
inline constexpr auto size_of_allowed = sizeof(allowed);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
using refused = decode<decode_config<fp8_e4m3fn, fp8_e4m3fn, nhd, 128>>::arguments;
inline constexpr auto size_of_refused = sizeof(refused);
#endif
