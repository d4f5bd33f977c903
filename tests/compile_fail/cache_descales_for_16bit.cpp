// expect: fp8_element
#include <paragon/cache/scale.hpp>

using namespace paragon;

status f(const kv_amax& amax, const kv_descales& out) { return descales_from_amax<fp8_e4m3fn>(amax, out, nullptr); }
#ifndef PARAGON_COMPILE_FAIL_CONTROL
status g(const kv_amax& amax, const kv_descales& out) { return descales_from_amax<bf16>(amax, out, nullptr); }
#endif
