// expect: the value dim must be a multiple of 8 from 8 to 512
#include <paragon/decode/decode.hpp>

using namespace paragon;

using allowed = decode<decode_config<bf16, bf16, nhd, 64, unscaled, variant<>, bf16, 16>>::arguments;
inline constexpr auto size_of_allowed = sizeof(allowed);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
using refused = decode<decode_config<bf16, bf16, nhd, 64, unscaled, variant<>, bf16, 12>>::arguments;
inline constexpr auto size_of_refused = sizeof(refused);
#endif
