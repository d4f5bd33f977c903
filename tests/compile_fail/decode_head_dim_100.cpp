// expect: the head dim must be a multiple of 8 from 8 to 512
#include <paragon/decode/decode.hpp>

using namespace paragon;

using allowed = decode<decode_config<bf16, bf16, nhd, 104>>::arguments;
inline constexpr auto size_of_allowed = sizeof(allowed);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
using refused = decode<decode_config<bf16, bf16, nhd, 100>>::arguments;
inline constexpr auto size_of_refused = sizeof(refused);
#endif
