// expect: conversion.*float.*bf16
#include "paragon/types.hpp"

inline constexpr paragon::bf16 allowed(1.5f);

#ifndef PARAGON_COMPILE_FAIL_CONTROL
inline constexpr paragon::bf16 refused = 1.5f;
#endif
