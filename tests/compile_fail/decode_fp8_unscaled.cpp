// expect: an fp8 KV cache needs a descale policy: per_tensor, per_tensor_on_device, per_head or per_token_head
#include <paragon/decode/decode.hpp>

using namespace paragon;

using allowed = decode<decode_config<bf16, fp8_e4m3fn, nhd, 128, per_head>>::arguments;
inline constexpr auto size_of_allowed = sizeof(allowed);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
using refused = decode<decode_config<bf16, fp8_e4m3fn, nhd, 128, unscaled>>::arguments;
inline constexpr auto size_of_refused = sizeof(refused);
#endif
