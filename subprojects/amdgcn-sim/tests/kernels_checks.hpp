// Instructions that only certain code gets from the compiler, and kernels with mistakes.
#pragma once
#include "device.hpp"

#if GFX9
KERNEL(64) unsupported(int* o) {
  __builtin_amdgcn_ds_gws_init(1, 0);
  o[tid()] = 1;
}
#else
KERNEL(64) unsupported(int* o) { o[tid()] = __builtin_amdgcn_s_sendmsg_rtn(0x84); }
#endif
// ---- instructions that only certain code gets from the compiler ----
#ifdef GFX12
// in: per workgroup the bits of an f32 and of an f16
KERNEL(64) pseudo_scalar(const unsigned* in, unsigned* o) {
  unsigned x = __builtin_amdgcn_readfirstlane(in[2 * bid()]), y = __builtin_amdgcn_readfirstlane(in[2 * bid() + 1]), r;
  int at = 0;
#define SCALAR(op, from)                  \
  asm volatile(op : "=s"(r) : "s"(from)); \
  o[16 * bid() + at++] = r
  SCALAR("v_s_exp_f32 %0, %1", x);
  SCALAR("v_s_exp_f16 %0, %1", y);
  SCALAR("v_s_log_f32 %0, %1", x);
  SCALAR("v_s_log_f16 %0, %1", y);
  SCALAR("v_s_rcp_f32 %0, %1", x);
  SCALAR("v_s_rcp_f16 %0, %1", y);
  SCALAR("v_s_rsq_f32 %0, %1", x);
  SCALAR("v_s_rsq_f16 %0, %1", y);
  SCALAR("v_s_sqrt_f32 %0, %1", x);
  SCALAR("v_s_sqrt_f16 %0, %1", y);
  SCALAR("v_s_rcp_f32 %0, -|%1| mul:2", x);
}

KERNEL(64) scalar_f16(const _Float16* a, const _Float16* b, unsigned* o) {
  unsigned x = __builtin_bit_cast(unsigned short, a[bid()]), y = __builtin_bit_cast(unsigned short, b[bid()]), r;
  int at = 0;
  x = __builtin_amdgcn_readfirstlane(x);
  y = __builtin_amdgcn_readfirstlane(y);
#define F16(op)                                              \
  asm volatile(op " %0, %1, %2" : "=s"(r) : "s"(x), "s"(y)); \
  o[8 * bid() + at++] = r
  F16("s_add_f16");
  F16("s_sub_f16");
  F16("s_mul_f16");
  F16("s_min_num_f16");
  F16("s_max_num_f16");
  asm volatile("s_cmp_lt_f16 %1, %2\ns_cselect_b32 %0, 1, 0" : "=s"(r) : "s"(x), "s"(y) : "scc");
  o[8 * bid() + at++] = r;
  r = x;
  asm volatile("s_fmac_f16 %0, %1, %2" : "+s"(r) : "s"(x), "s"(y));
  o[8 * bid() + at++] = r;
}
#endif
#ifdef __gfx90a__
KERNEL(64) level_two(unsigned* o) {
  o[tid()] = tid();
  asm volatile("buffer_wbl2\nbuffer_invl2" ::: "memory");
  o[64 + tid()] = o[tid() ^ 1];
}
#endif
// ---- checks: kernels with mistakes ----
// Registers above all that the compiler uses: what they hold shows in the result.
KERNEL(64) unwritten(unsigned* o) {
  unsigned v, s;
  asm volatile("v_mov_b32 %0, v99" : "=v"(v));
  asm volatile("s_mov_b32 %0, s99" : "=s"(s));
  o[tid()] = v;
  o[64 + tid()] = s;
  o[128 + tid()] = 5;
  if (tid() % 2) {
    asm volatile("v_mov_b32 v98, 5" ::: "v98");
  }
  asm volatile("v_mov_b32 %0, v98" : "=v"(v));
  o[128 + tid()] = v;
}

KERNEL(64) unwritten_lds(unsigned* o) {
  __shared__ unsigned s[64];
  asm volatile("" ::"v"(s) : "memory");
  o[tid()] = *(volatile unsigned*)&s[tid()];
}

KERNEL(256) racy(int* o) {
  __shared__ int s[256];
  s[tid()] = tid();
  o[tid()] = s[255 - tid()];
}

KERNEL(256) lds_oob(int* o, int k) {
  dyn[tid() + k] = 1;
  barrier();
  o[tid()] = dyn[tid()];
}

KERNEL(64) store_at(int* o, int k) { o[tid() + k] = 7; }

// ---- the last code of the file: behind it lies padding ----
KERNEL(64) runs_off(int* o) {
  o[tid()] = 1;
  asm volatile("s_nop 0");
  __builtin_unreachable();
}
