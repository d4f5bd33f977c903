// expect: conversion.*fp8_e4m3fnuz.*fp8_e4m3fn
#include "paragon/types.hpp"

inline constexpr paragon::fp8_e4m3fnuz stored(1.5f);
inline constexpr paragon::fp8_e4m3fn allowed(static_cast<float>(stored));

#ifndef PARAGON_COMPILE_FAIL_CONTROL
inline constexpr paragon::fp8_e4m3fn refused = stored;
#endif
