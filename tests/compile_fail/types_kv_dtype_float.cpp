// expect: KV element type must be fp8_e4m3fn, fp8_e4m3fnuz, bf16 or fp16
#include "paragon/types.hpp"

inline constexpr auto allowed = paragon::kv_dtype<paragon::bf16>::tag;

#ifndef PARAGON_COMPILE_FAIL_CONTROL
inline constexpr auto refused = paragon::kv_dtype<float>::tag;
#endif
