// Matrix instructions: registers in, registers out; the test knows the layout.
#pragma once
#include "device.hpp"

// The names of the cases, in their order: the test looks up their numbers here.
#define MM(name, ...) #name " "
extern "C" __constant__ __attribute__((used)) const char matrix_names[] =
#include "matrix_cases.inc"
    ;
#undef MM

// One kernel for all, because translating and compiling is what takes time in these tests.
KERNEL(64) matrix(int number, const void* ap, const void* bp, const void* cp, void* dp) {
  int l = tid(), at = 0;
#define MM(name, A, B, C, ...) \
  if (number == at++) {        \
    A a = ((const A*)ap)[l];   \
    B b = ((const B*)bp)[l];   \
    C c = ((const C*)cp)[l];   \
    ((C*)dp)[l] = __VA_ARGS__; \
    return;                    \
  }
#include "matrix_cases.inc"
#undef MM
}

#if defined(__gfx950__)
KERNEL(64) lds_tr(const s4* in, s4* o16, i2* o8) {
  __shared__ s4 s[64];
  s[tid()] = in[tid()];
  barrier();
  o16[tid()] = __builtin_amdgcn_ds_read_tr16_b64_v4i16((__attribute__((address_space(3))) s4*)&s[tid()]);
  o8[tid()] = __builtin_amdgcn_ds_read_tr8_b64_v2i32((__attribute__((address_space(3))) i2*)&s[tid()]);
}
#endif
