// What the generated code of a kernel calls. It sees these declarations only: the lane functions it uses are compiled
// once for all kernels and kept in the cache (src/lane_functions.cpp).
#pragma once
#include "addresses.h"

namespace sim {
// ---- vector instructions: d the destination row, then the operands ----
// Op is the operation; OM the output modifier (1 *2, 2 *4, 3 /2, +4 clamp); DM where a 16-bit result goes (place16).
template <class Op, int OM = 0, int DM = 0, class... S_> void valu(Wave& w, u32* d, S_... s);
template <class Op, class... S_> u64 vcmp(Wave& w, S_... s);
template <class A, class B> void cndmask(Wave& w, u32* d, A a, B b, u64 c);
template <int DM, class A, class B> void cndmask16(Wave& w, u32* d, A a, B b, u64 c);
// Add and subtract with carry; returns the carry (borrow) mask of the active lanes. K: 0 a+b, 1 a-b, 2 b-a.
template <int K, class A, class B> u64 addc(Wave& w, u32* d, A a, B b, u64 cin);
template <bool SIGNED, class A, class B, class C> u64 mad64(Wave& w, u32* d, A a, B b, C c);
template <class F, class U, class TG, class A, class B, class C> u64 div_scale(Wave& w, u32* d, A a, B b, C c);
template <class F, class U, class TG, class A, class B, class C> void div_fmas(Wave& w, u32* d, A a, B b, C c, u64 vcc);
template <class Op, int OM = 0, class... S_> void pk16(Wave& w, u32* d, S_... s);
template <class Op, int OM, class A, class B> void pk32(Wave& w, u32* d, A a0, B b0);
template <class Op, int OM, class A, class B, class C, class D> void pk32(Wave& w, u32* d, A a0, B a1, C b0, D b1);
template <class Op, int OM, class A, class B, class C, class D, class E, class F>
void pk32(Wave& w, u32* d, A a0, B a1, C a2, D b0, E b1, F b2);

// ---- data between lanes ----
enum DppKind {
  DPP_QUAD,
  DPP_SHL,
  DPP_SHR,
  DPP_ROR,
  DPP_WSHL,
  DPP_WROL,
  DPP_WSHR,
  DPP_WROR,
  DPP_MIRROR,
  DPP_HALF_MIRROR,
  DPP_BCAST15,
  DPP_BCAST31,
  DPP_SHARE,
  DPP_XMASK,
  DPP_8
};

// Moves ROWS registers from src to dst lane-wise; returns the mask of lanes that the instruction may write.
// A lane without a source, or whose source is inactive (unless FI), reads 0 if ZERO (bound_ctrl), else is not written.
template <int ROWS, int KIND, u32 ARG, u32 ROW, u32 BANK, bool ZERO, bool FI>
u64 dpp(Wave& w, u32* dst, const u32* src);

enum SdwaSel { SEL_B0, SEL_B1, SEL_B2, SEL_B3, SEL_W0, SEL_W1, SEL_DWORD };
template <class A> void sdwa_src(u32* dst, A a, int sel, bool sext);
// unused: 0 pad, 1 sign-extend, 2 preserve
void sdwa_dst(Wave& w, u32* d, const u32* src, int sel, int unused);
template <int HALF, class A, class B> void mbcnt(Wave& w, u32* d, A a, B b);
void permlane_swap(Wave& w, u32* a, u32* b, int h);
void permlane16(Wave& w, u32* d, const u32* s, u64 sel, bool other_row, bool fi, bool bc);
void permlane64(Wave& w, u32* d, const u32* s);
void ds_bpermute(Wave& w, u32* d, const u32* a, const u32* s, u32 off);
void ds_permute(Wave& w, u32* d, const u32* a, const u32* s, u32 off);
void ds_swizzle(Wave& w, u32* d, const u32* s, u32 off);

// ---- memory ----
template <class Seg, class D, class A> void load(Wave& w, u32* d, A a);
template <class Seg, class D, class A> void store(Wave& w, const u32* d, A a);
template <class D, class A> void load_to_lds(Wave& w, A a, u32 m0, u32 off);
template <int N> void ds_read2(Wave& w, u32* d, const u32* a, u32 o0, u32 o1);
template <int N> void ds_write2(Wave& w, const u32* a, const u32* d0, const u32* d1, u32 o0, u32 o1);
template <int BITS, int N> void ds_read_tr(Wave& w, u32* d, const u32* a, u32 off);
// d: where the old value goes, or null
template <class Seg, class Op, class T, class A> void atomic(Wave& w, u32* d, const u32* src, A a);
template <class Seg, class T, class A> void cmpswap(Wave& w, u32* d, const u32* src, const u32* cmp, A a);
template <class D> void buffer_load(Wave& w, u32* d, Buffer b);
template <class D> void buffer_store(Wave& w, const u32* d, Buffer b);
template <class D> void buffer_load_to_lds(Wave& w, Buffer b, u32 m0);
template <class Op, class T> void buffer_atomic(Wave& w, u32* d, const u32* src, Buffer b);
void s_load(Wave& w, u32 dst, u64 a, u32 n);
template <class T> void s_load_small(Wave& w, u32 dst, u64 a);
void s_buffer_load(Wave& w, u32 dst, u32 rsrc, u32 off, u32 n);

// ---- matrix instructions ----
enum Fmt { F32, F16, BF16, FP8, BF8, FP6, BF6, FP4, I8, U8, I4, U4, XF32 };
// D = A*B + C, MNxMNxK, NB blocks. T: accumulator (float or i32). scale_*: registers with the exponents of the scaled
// forms, or null.
template <int MN, int K, int NB, int FA, int FB, class T>
void mfma(Wave& w, u32* d, const u32* a, const u32* b, Acc c, int cbsz, int abid, int blgp,
          const u32* scale_a = nullptr, const u32* scale_b = nullptr, int sel_a = 0, int sel_b = 0);
template <int MN> void mfma_f64(Wave& w, u32* d, const u32* a, const u32* b, const u32* c, double ck, int neg);
template <int GEN, int K, int FA, int FB, int OUT, class T>
void wmma(Wave& w, u32* d, const u32* a, const u32* b, Acc c, int neg_ab, int opsel_hi);

// ---- the wave's state ----
[[noreturn]] void sim_trap(Wave& w, const char* what);
// The row of a register whose number has M0 added (VGPR indexing, v_movrel*).
u32* indexed(Wave& w, u32* v, u32 n, u32 count);

// MODE[5:4]: f32 denormals; bit 0 of the pair: outputs and inputs are kept.
SIM_INLINE void set_mode(Wave& w, u32 mode) {
  w.mode = mode;
#if defined(__SSE2__)
  bool flush = ((mode >> 4) & 3) == 0;
  __builtin_ia32_ldmxcsr((__builtin_ia32_stmxcsr() & ~0x8040u) | (flush ? 0x8040u : 0u));
#endif
}

SIM_INLINE u64 s64(Wave& w, int k) {
  u64 x;
  std::memcpy(&x, &w.s[k], 8);
  return x;
}

SIM_INLINE void put64(Wave& w, int k, u64 x) { std::memcpy(&w.s[k], &x, 8); }
}  // namespace sim
