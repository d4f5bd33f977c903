// expect: KV element type must be fp8_e4m3fn, fp8_e4m3fnuz, bf16 or fp16
#include <cstdint>

#include "paragon/types.hpp"

inline constexpr auto allowed = paragon::kv_dtype<paragon::fp8_e4m3fn>::tag;

#ifndef PARAGON_COMPILE_FAIL_CONTROL
inline constexpr auto refused = paragon::kv_dtype<std::int8_t>::tag;
#endif
