// Arguments, ids, calls, globals, memory of every kind, arithmetic, atomics.
#pragma once
#include "arith.h"
#include "device.hpp"

KERNEL(256) vadd(const float* a, const float* b, float* c, int n) {
  int i = bid() * bdim() + tid();
  if (i < n) c[i] = a[i] + b[i];
}

KERNEL(256) ids(unsigned* o) {
  unsigned w = __builtin_amdgcn_workgroup_id_x() | __builtin_amdgcn_workgroup_id_y() << 4 |
               __builtin_amdgcn_workgroup_id_z() << 8;
  unsigned t =
      __builtin_amdgcn_workitem_id_x() | __builtin_amdgcn_workitem_id_y() << 8 | __builtin_amdgcn_workitem_id_z() << 16;
  unsigned g = (__builtin_amdgcn_workgroup_id_z() * 2 + __builtin_amdgcn_workgroup_id_y()) * 3 +
               __builtin_amdgcn_workgroup_id_x();
  unsigned l =
      (__builtin_amdgcn_workitem_id_z() * 4 + __builtin_amdgcn_workitem_id_y()) * 8 + __builtin_amdgcn_workitem_id_x();
  o[2 * (g * 64 + l)] = w;
  o[2 * (g * 64 + l) + 1] = t;
}

KERNEL(64) arith(const In* in, u64_t* out, int n) {
  int k = bid() * 64 + tid();
  if (k >= n) return;
  In x = in[k];
  u32_t u = x.u, v = x.v, w = x.w;
  i32_t i = (i32_t)u, j = (i32_t)v;
  u64_t U = x.U, V = x.V;
  i64_t I = (i64_t)U, J = (i64_t)V;
  float f = x.f, g = x.g, h = x.h;
  double d = x.d, e = x.e;
  _Float16 p = x.p, q = x.q;
  int id = 0;
#define X(expr) out[(u64_t)(id++) * n + k] = (u64_t)(expr);
#define XF(expr)                                               \
  {                                                            \
    float r = (expr);                                          \
    out[(u64_t)(id++) * n + k] = __builtin_bit_cast(u32_t, r); \
  }
#define XD(expr)                                               \
  {                                                            \
    double r = (expr);                                         \
    out[(u64_t)(id++) * n + k] = __builtin_bit_cast(u64_t, r); \
  }
#define XH(expr)                                               \
  {                                                            \
    _Float16 r = (_Float16)(expr);                             \
    out[(u64_t)(id++) * n + k] = __builtin_bit_cast(u16_t, r); \
  }
  ARITH(X)
}

KERNEL(256) block_reduce(const float* x, float* o, int n) {
  __shared__ float part[256 / WAVE];
  float s = 0;
  for (int i = tid(); i < n; i += bdim()) s += x[bid() * n + i];
  for (int m = WAVE / 2; m; m >>= 1) s += shfl_xor(s, m);
  if (lane() == 0) part[tid() / WAVE] = s;
  barrier();
  if (tid() == 0) {
    float t = 0;
    for (unsigned k = 0; k < bdim() / WAVE; k++) t += part[k];
    o[bid()] = t;
  }
}

KERNEL(256) atomics(unsigned* c, u64_t* c64, float* f, unsigned* ticket, int* mx, double* dd) {
  __shared__ unsigned ls;
  __shared__ float lf;
  unsigned i = bid() * bdim() + tid();
  if (tid() == 0) {
    ls = 0;
    lf = 0;
  }
  barrier();
  ticket[i] = __hip_atomic_fetch_add(&c[0], 1u + (i % 4 == 0), __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  unsigned old = c[1], was;
  do {
    was = old;
  } while (!__hip_atomic_compare_exchange_strong(&c[1], &old, was + i, __ATOMIC_RELAXED, __ATOMIC_RELAXED,
                                                 __HIP_MEMORY_SCOPE_AGENT));
  __hip_atomic_fetch_add(c64, (u64_t)i << 33, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  __hip_atomic_fetch_max(mx, (int)(i * 7 % 61) - 3, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  __hip_atomic_fetch_min(mx + 1, -(int)(i * 5 % 77), __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  __hip_atomic_fetch_xor(&c[2], i, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  __hip_atomic_fetch_or(&c[3], 1u << (i & 31), __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  __hip_atomic_fetch_add(&ls, i, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
  __hip_atomic_fetch_add(&lf, .5f, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
  __hip_atomic_fetch_add(f + 8, 1.f, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  __hip_atomic_fetch_add(dd, 0.25, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  barrier();
  if (tid() == 0) {
    f[bid()] = lf;
    c[8 + bid()] = ls;
  }
}

extern __shared__ int dyn[];

KERNEL(256) dynlds(const int* x, int* o, int n) {
  for (int i = tid(); i < n; i += bdim()) dyn[i] = x[bid() * n + i];
  barrier();
  for (int i = tid(); i < n; i += bdim()) o[bid() * n + i] = dyn[n - 1 - i];
}

// ---- globals, calls, scratch, flat pointers ----
__device__ int counter = 5;
__constant__ int table[4] = {10, 20, 30, 40};
__device__ int* pointer = &counter;

static __device__ __attribute__((noinline)) int twice(int x) { return x * 2 + counter; }

static __device__ __attribute__((noinline)) int fact(int n) { return n < 2 ? 1 : n * fact(n - 1); }

typedef int (*fn)(int);

KERNEL(64) calls(int* o, int n, const int* sel) {
  int l = tid();
  int buf[20];
  for (int i = 0; i < 20; i++) buf[i] = i * l;
  fn f = n == 6 ? twice : fact;
  o[l] = twice(l) + table[l & 3] + *pointer;
  o[64 + l] = fact(n);
  o[128 + l] = buf[sel[l]];
  o[192 + l] = f(l & 7);
}

KERNEL(64) flat(int* g, int sel) {
  __shared__ int s[64];
  int priv[2] = {3, 4};
  int* p = sel == 0 ? g + tid() : sel == 1 ? s + tid() : &priv[tid() & 1];
  s[tid()] = 100 + tid();
  barrier();
  *(volatile int*)p = *(volatile int*)p + 1;
  barrier();
  g[64 + tid()] = s[tid()];
  g[128 + tid()] = priv[tid() & 1];
}

KERNEL(64) spin(unsigned* flags, unsigned* o) {  // each workgroup waits for the next one
  unsigned n = ((const __attribute__((address_space(4))) unsigned*)__builtin_amdgcn_implicitarg_ptr())[0];
  if (bid() + 1 < n)
    while (__hip_atomic_load(&flags[bid() + 1], __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_AGENT) == 0)
      __builtin_amdgcn_s_sleep(1);
  if (tid() == 0) {
    o[bid()] = bid() + 1 < n ? flags[bid() + 1] + 1 : 1;
    __hip_atomic_store(&flags[bid()], o[bid()], __ATOMIC_RELEASE, __HIP_MEMORY_SCOPE_AGENT);
  }
}

KERNEL(64) relay(unsigned* flags) {  // the last workgroup lets the others end one after the other
  const unsigned last = 2;
  if (bid() < last) {
    while (__hip_atomic_load(&flags[bid()], __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_AGENT) == 0)
      __builtin_amdgcn_s_sleep(1);
    return;
  }
  for (unsigned i = 0; i < last; i++) {
    __hip_atomic_store(&flags[i], 1u, __ATOMIC_RELEASE, __HIP_MEMORY_SCOPE_AGENT);
    __builtin_amdgcn_s_sleep(1);
  }
}

KERNEL(256) bytes(const unsigned char* a, unsigned char* o, const short* s, short* so, const f4* v, f4* vo) {
  int i = tid();
  o[i] = a[i] + a[255 - i];
  so[i] = s[i] * 3;
  vo[i] = v[255 - i];
}

KERNEL(64) trans(const float* x, float* o) {
  int i = tid();
  float f = x[i];
  o[i] = __builtin_amdgcn_exp2f(f);
  o[64 + i] = __builtin_amdgcn_logf(__builtin_fabsf(f));
  o[128 + i] = __builtin_amdgcn_rcpf(f);
  o[192 + i] = __builtin_amdgcn_rsqf(__builtin_fabsf(f));
  o[256 + i] = __builtin_amdgcn_sinf(f);
  o[320 + i] = __builtin_amdgcn_cosf(f);
  o[384 + i] = __builtin_amdgcn_fractf(f);
  o[448 + i] = __builtin_amdgcn_fmed3f(f, -1.f, 1.f);
  o[512 + i] = __builtin_expf(f);
  o[576 + i] = __builtin_logf(__builtin_fabsf(f));
}

KERNEL(64) packed(const h2* a, const h2* b, h2* o, const f2* x, const f2* y, f2* z) {
  int i = tid();
  o[i] = a[i] * b[i] + a[i];
  o[64 + i] = __builtin_elementwise_max(a[i], b[i]);
  o[128 + i] = a[i].yx - b[i];
  z[i] = x[i] * y[i];
  z[64 + i] = x[i] + y[i];
  z[128 + i] = __builtin_elementwise_fma(x[i], y[i], x[i].yx);
  z[192 + i] = x[i] * y[i].x - y[i];
}
#if defined(__gfx942__) || defined(__gfx950__) || GFX12
KERNEL(256) fp8(const float* x, int* enc, int* benc, float* dec, float* bdec, f2* dec2) {
  int i = tid();
  enc[i] = __builtin_amdgcn_cvt_pk_fp8_f32(x[i], x[255 - i], 0, false);
  enc[i] = __builtin_amdgcn_cvt_pk_fp8_f32(x[i], x[255 - i], enc[i], true);
  benc[i] = __builtin_amdgcn_cvt_pk_bf8_f32(x[i], x[255 - i], 0, false);
  dec[i] = __builtin_amdgcn_cvt_f32_fp8(i, 0);
  dec[256 + i] = __builtin_amdgcn_cvt_f32_fp8(i << 16, 2);
  dec[512 + i] = __builtin_amdgcn_cvt_f32_fp8(i << 8, 1);
  dec[768 + i] = __builtin_amdgcn_cvt_f32_fp8(i << 24, 3);
  bdec[i] = __builtin_amdgcn_cvt_f32_bf8(i, 0);
  dec2[i] = __builtin_amdgcn_cvt_pk_f32_fp8(i | (255 - i) << 8, false);
  dec2[256 + i] = __builtin_amdgcn_cvt_pk_f32_fp8(i << 16 | (255 - i) << 24, true);
}
#endif
// ---- buffers, direct loads to LDS ----
typedef __attribute__((address_space(1))) void* gptr;
typedef __attribute__((address_space(3))) void* lptr;
typedef unsigned u4 __attribute__((ext_vector_type(4)));

KERNEL(64) buffers(void* p, unsigned* o, u4* o4, int bytes) {
  __amdgpu_buffer_rsrc_t r = __builtin_amdgcn_make_buffer_rsrc(p, 0, bytes, GFX9 ? 0x20000 : 0x31004000);
  int i = tid();
  o[i] = __builtin_amdgcn_raw_buffer_load_b32(r, 4 * i, 0, 0);
  o4[i] = __builtin_amdgcn_raw_buffer_load_b128(r, 16 * i, 16, 0);
  o[64 + i] = __builtin_amdgcn_raw_buffer_load_b8(r, i + 3, 0, 0);
  barrier();
  __builtin_amdgcn_raw_buffer_store_b32(i + 7000, r, 4 * i + 512, 0, 0);
}
#if defined(__gfx942__) || defined(__gfx950__)
KERNEL(256) load_to_lds(const unsigned* p, unsigned* o) {
  __shared__ unsigned s[256];
  __shared__ u4 s4[256];
  int wave = __builtin_amdgcn_readfirstlane(tid() / 64);
  __builtin_amdgcn_global_load_lds((gptr)(p + tid()), (lptr)(s + 64 * wave), 4, 0, 0);
#if defined(__gfx950__)
  __builtin_amdgcn_global_load_lds((gptr)(p + 4 * tid()), (lptr)(s4 + 64 * wave), 16, 0, 0);
#else
  s4[tid()] = ((const u4*)p)[tid()];
#endif
  __builtin_amdgcn_s_waitcnt(0);
  barrier();
  o[tid()] = s[255 - tid()];
  for (int k = 0; k < 4; k++) o[256 + 4 * tid() + k] = s4[255 - tid()][k];
}
#endif

// ---- attention with an online softmax: one wave per 16 queries, head size 64, keys in steps of 16 ----
static __device__ short bf(float f) {
  unsigned u = __builtin_bit_cast(unsigned, f);
  return (short)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}
#if GFX9
KERNEL(64)

attention(const short* q, const short* k, const short* v, float* o, int nk,
          float scale) {  // q, o: [16][64] per group; k, v: [nk][64]
  __shared__ short ps[16][20];
  int l = tid(), c = l % 16, g = l / 16;
  s4 qa[4];
  f4 acc[4] = {};
  float mx[4], sum[4];
  for (int t = 0; t < 4; t++) {
    qa[t] = *(const s4*)(q + (bid() * 16 + c) * 64 + 16 * t + 4 * g);
    mx[t] = -1e30f;
    sum[t] = 0;
  }
  for (int j = 0; j < nk; j += 16) {
    f4 s = {};
    for (int t = 0; t < 4; t++)
      s = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(qa[t], *(const s4*)(k + (j + c) * 64 + 16 * t + 4 * g), s, 0, 0, 0);
    for (int r = 0; r < 4; r++) {  // rows 4*g + r, column c
      float x = j + c < nk ? s[r] * scale : -1e30f, m = x;
      for (int d = 8; d; d >>= 1) m = __builtin_fmaxf(m, shfl_xor(m, d));
      m = __builtin_fmaxf(m, mx[r]);
      float p = __builtin_amdgcn_exp2f((x - m) * 1.44269504f), corr = __builtin_amdgcn_exp2f((mx[r] - m) * 1.44269504f),
            ps_ = p;
      for (int d = 8; d; d >>= 1) ps_ += shfl_xor(ps_, d);
      sum[r] = sum[r] * corr + ps_;
      mx[r] = m;
      for (int t = 0; t < 4; t++) acc[t][r] *= corr;
      ps[4 * g + r][c] = bf(p);
    }
    barrier();
    s4 pa = *(const s4*)&ps[c][4 * g];
    for (int t = 0; t < 4; t++) {
      s4 vb;
      for (int e = 0; e < 4; e++) vb[e] = v[(j + 4 * g + e) * 64 + 16 * t + c];
      acc[t] = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(pa, vb, acc[t], 0, 0, 0);
    }
    barrier();
  }
  for (int t = 0; t < 4; t++)
    for (int r = 0; r < 4; r++) o[(bid() * 16 + 4 * g + r) * 64 + 16 * t + c] = acc[t][r] / sum[r];
}
#else
KERNEL(64)

attention(const short* q, const short* k, const short* v, float* o, int nk,
          float scale) {  // vector ALU only: a lane per query row
  int l = tid() % 16;
  float acc[64], m = -1e30f, sum = 0;
  if (tid() >= 16) return;
  for (int d = 0; d < 64; d++) acc[d] = 0;
  auto f = [](short x) { return __builtin_bit_cast(float, (unsigned)(unsigned short)x << 16); };
  for (int j = 0; j < nk; j++) {
    float s = 0;
    for (int d = 0; d < 64; d++) s += f(q[(bid() * 16 + l) * 64 + d]) * f(k[j * 64 + d]);
    s *= scale;
    float n = __builtin_fmaxf(m, s), p = __builtin_amdgcn_exp2f((s - n) * 1.44269504f),
          corr = __builtin_amdgcn_exp2f((m - n) * 1.44269504f);
    sum = sum * corr + p;
    m = n;
    for (int d = 0; d < 64; d++) acc[d] = acc[d] * corr + p * f(v[j * 64 + d]);
  }
  for (int d = 0; d < 64; d++) o[(bid() * 16 + l) * 64 + d] = acc[d] / sum;
}
#endif
