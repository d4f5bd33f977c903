// expect: conversion.*float.*fp8_e4m3fn
#include "paragon/types.hpp"

inline constexpr paragon::fp8_e4m3fn allowed(1.5f);

#ifndef PARAGON_COMPILE_FAIL_CONTROL
inline constexpr paragon::fp8_e4m3fn refused = 1.5f;
#endif
