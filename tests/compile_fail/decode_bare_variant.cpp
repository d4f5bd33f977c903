// expect: the variant must be variant<
#include <paragon/decode/decode.hpp>

using namespace paragon;

using allowed = decode<decode_config<bf16, bf16, nhd, 128, unscaled, variant<soft_cap>>>::arguments;
inline constexpr auto size_of_allowed = sizeof(allowed);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
using refused = decode<decode_config<bf16, bf16, nhd, 128, unscaled, soft_cap>>::arguments;
inline constexpr auto size_of_refused = sizeof(refused);
#endif
