// expect: a 16-bit KV cache holds real numbers: it takes no descale policy
#include <paragon/decode/decode.hpp>

using namespace paragon;

using allowed = decode<decode_config<bf16, bf16, nhd, 128, unscaled>>::arguments;
inline constexpr auto size_of_allowed = sizeof(allowed);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
using refused = decode<decode_config<bf16, bf16, nhd, 128, per_tensor>>::arguments;
inline constexpr auto size_of_refused = sizeof(refused);
#endif
