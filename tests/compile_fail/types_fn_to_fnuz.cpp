// expect: conversion.*fp8_e4m3fn.*fp8_e4m3fnuz
#include "paragon/types.hpp"

inline constexpr paragon::fp8_e4m3fn stored(1.5f);
inline constexpr paragon::fp8_e4m3fnuz allowed(static_cast<float>(stored));

#ifndef PARAGON_COMPILE_FAIL_CONTROL
inline constexpr paragon::fp8_e4m3fnuz refused = stored;
#endif
