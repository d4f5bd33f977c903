// Data that moves between lanes: DPP, SDWA, permutations, and the LDS unit's.
#pragma once
#include "calls.h"

namespace sim {
template <int HALF, class A, class B>
SIM_NOINLINE void mbcnt(Wave& w, u32* d, A a, B b) {  // HALF 0: lanes 0-31, 1: lanes 32-63
  for (int i = 0; i < W; i++) {
    u32 below = HALF == 0 ? (i >= 32 ? ~0u : (1u << i) - 1) : (i <= 32 ? 0u : (1u << (i - 32)) - 1);
    put32(d, i, w.em[i], u32(__builtin_popcount(a.lo(i) & below)) + b.lo(i));
  }
}

constexpr int dpp_source(int i, int kind, u32 arg) {  // source lane, or -1
  int row = i & ~15, c = i & 15, n = int(arg);
  switch (kind) {
    case DPP_QUAD:
      return (i & ~3) + ((arg >> (2 * (i & 3))) & 3);
    case DPP_SHL:
      return c + n < 16 ? i + n : -1;
    case DPP_SHR:
      return c >= n ? i - n : -1;
    case DPP_ROR:
      return row + ((c - n) & 15);
    case DPP_WSHL:
      return i + 1 < W ? i + 1 : -1;
    case DPP_WROL:
      return (i + 1) % W;
    case DPP_WSHR:
      return i - 1;
    case DPP_WROR:
      return (i + W - 1) % W;
    case DPP_MIRROR:
      return row + 15 - c;
    case DPP_HALF_MIRROR:
      return (i & ~7) + 7 - (i & 7);
    case DPP_BCAST15:
      return i >= 16 ? row - 1 : -1;
    case DPP_BCAST31:
      return i >= 32 ? 31 : -1;
    case DPP_SHARE:
      return row + n;
    case DPP_XMASK:
      return row + (c ^ n);
    default:
      return (i & ~7) + ((arg >> (3 * (i & 7))) & 7);
  }
}

struct DppMap {
  i8 src[W];
  u64 enabled, valid;
};  // source lanes; lanes of the row and bank masks; lanes that have a source

constexpr DppMap dpp_map(int kind, u32 arg, u32 row_mask, u32 bank_mask) {
  DppMap m{};
  for (int i = 0; i < W; i++) {
    m.src[i] = i8(dpp_source(i, kind, arg));
    if (m.src[i] >= 0) m.valid |= u64(1) << i;
    if (((row_mask >> (i >> 4)) & 1) && ((bank_mask >> ((i >> 2) & 3)) & 1)) m.enabled |= u64(1) << i;
  }
  return m;
}

template <int ROWS, int KIND, u32 ARG, u32 ROW, u32 BANK, bool ZERO, bool FI>
SIM_NOINLINE u64 dpp(Wave& w, u32* dst, const u32* src) {
  static constexpr DppMap m = dpp_map(KIND, ARG, ROW, BANK);
  u64 valid = m.valid;
  if (!FI && !w.full)
    for (int i = 0; i < W; i++)
      if (m.src[i] >= 0 && !((w.exec >> m.src[i]) & 1)) valid &= ~(u64(1) << i);
  for (int r = 0; r < ROWS; r++)
    for (int i = 0; i < W; i++) dst[r * W + i] = (valid >> i) & 1 ? src[r * W + (m.src[i] < 0 ? 0 : m.src[i])] : 0;
  return m.enabled & (ZERO ? ALL : valid);
}

template <class A> SIM_NOINLINE void sdwa_src(u32* dst, A a, int sel, bool sext) {
  for (int i = 0; i < W; i++) {
    u32 x = a.lo(i);
    if (sel <= SEL_B3) {
      x = (x >> (8 * sel)) & 255;
      if (sext) x = u32(i32(i8(x)));
    } else if (sel <= SEL_W1) {
      x = (x >> (16 * (sel - 4))) & 0xffff;
      if (sext) x = u32(i32(i16(x)));
    }
    dst[i] = x;
  }
}

SIM_NOINLINE inline void sdwa_dst(Wave& w, u32* d, const u32* src, int sel,
                                  int unused) {  // unused: 0 pad, 1 sign-extend, 2 preserve
  for (int i = 0; i < W; i++) {
    u32 x = src[i], r = x;
    if (sel != SEL_DWORD) {
      u32 n = sel <= SEL_B3 ? 8 : 16, sh = sel <= SEL_B3 ? 8 * sel : 16 * (sel - 4),
          mask = (n == 8 ? 0xffu : 0xffffu) << sh, y = (x << sh) & mask;
      if (unused == 2)
        r = (d[i] & ~mask) | y;
      else if (unused == 1 && (y >> (sh + n - 1) & 1))
        r = y | ~(mask | ((1u << sh) - 1));
      else
        r = y;
    }
    put32(d, i, w.em[i], r);
  }
}

SIM_NOINLINE inline void permlane_swap(Wave& w, u32* a, u32* b,
                                       int h) {  // odd groups of h lanes of a <-> even groups of b
  for (int i = 0; i < W; i++)
    if (i & h) {
      int j = i - h;
      if ((w.exec >> i & 1) && (w.exec >> j & 1)) {
        u32 t = a[i];
        a[i] = b[j];
        b[j] = t;
      }
    }
}

SIM_NOINLINE inline void permlane16(Wave& w, u32* d, const u32* s, u64 sel, bool other_row, bool fi, bool bc) {
  u32 t[W];
  for (int i = 0; i < W; i++) {
    int j = ((i & ~15) ^ (other_row ? 16 : 0)) + int((sel >> (4 * (i & 15))) & 15);
    t[i] = fi || ((w.exec >> j) & 1) ? s[j] : bc ? 0 : d[i];
  }
  for (int i = 0; i < W; i++) put32(d, i, w.em[i], t[i]);
}

SIM_NOINLINE inline void permlane64(Wave& w, u32* d, const u32* s) {
  u32 t[W];
  for (int i = 0; i < W; i++) t[i] = s[i ^ 32];
  for (int i = 0; i < W; i++) put32(d, i, w.em[i], t[i]);
}

SIM_NOINLINE inline void ds_bpermute(Wave& w, u32* d, const u32* a, const u32* s, u32 off) {
  u32 t[W];
  if (w.full) {
    for (int i = 0; i < W; i++) t[i] = s[((a[i] + off) >> 2) & (W - 1)];
    std::memcpy(d, t, sizeof t);
    return;
  }
  for (int i = 0; i < W; i++) {
    int j = int((a[i] + off) >> 2) & (W - 1);
    t[i] = w.em[j] ? s[j] : 0;
  }
  for (int i = 0; i < W; i++) put32(d, i, w.em[i], t[i]);
}

SIM_NOINLINE inline void ds_permute(Wave& w, u32* d, const u32* a, const u32* s, u32 off) {
  u32 t[W] = {};
  for (int i = 0; i < W; i++) SIM_ACTIVE t[((a[i] + off) >> 2) & (W - 1)] = s[i];
  for (int i = 0; i < W; i++) put32(d, i, w.em[i], t[i]);
}

SIM_NOINLINE inline void ds_swizzle(Wave& w, u32* d, const u32* s, u32 off) {
  u32 t[W];
  for (int i = 0; i < W; i++) {
    int j;
    if (off >= 0xe000) {  // FFT: bit reversal of the lane within 32
      u32 m = off & 31, k = u32(i & 31);
      j = (i & 32) | int(((brev32(k) >> 27) & ~m) | (k & m));
    } else if (off >= 0xc000) {  // rotate within 32 by n, masked
      u32 m = off & 31, n = (off >> 5) & 31, k = u32(i & 31), r = (off & 0x400) ? k - n : k + n;
      j = (i & 32) | int((k & m) | (r & ~m & 31));
    } else if (off & 0x8000)
      j = (i & ~3) + int((off >> (2 * (i & 3))) & 3);
    else
      j = (i & ~31) + int(((((u32(i) & 31) & (off & 31)) | ((off >> 5) & 31)) ^ ((off >> 10) & 31)));
    t[i] = w.em[j] ? s[j] : 0;
  }
  for (int i = 0; i < W; i++) put32(d, i, w.em[i], t[i]);
}
}  // namespace sim
