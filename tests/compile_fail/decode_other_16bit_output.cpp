// expect: the output type must be the query.s type, float, fp8_e4m3fn or fp8_e4m3fnuz
#include <paragon/decode/decode.hpp>

using namespace paragon;

using allowed = decode<decode_config<bf16, bf16, nhd, 128, unscaled, variant<>, float>>::arguments;
inline constexpr auto size_of_allowed = sizeof(allowed);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
using refused = decode<decode_config<bf16, bf16, nhd, 128, unscaled, variant<>, fp16>>::arguments;
inline constexpr auto size_of_refused = sizeof(refused);
#endif
