// Data between lanes; D(x); stores the next result.
#pragma once
#include "device.hpp"

template <int C, int RM = 15, int BM = 15, bool BC = false> static __device__ int dpp(int old, int x) {
  return __builtin_amdgcn_update_dpp(old, x, C, RM, BM, BC);
}

KERNEL(64) dpp_all(const int* in, int* o) {  // o[k*64 + lane]
  int l = tid(), x = in[l], k = 0;
#define D(...) o[64 * k++ + l] = __VA_ARGS__
  D(dpp<0x1b>(-1, x));
  D(dpp<0x101>(-1, x));
  D(dpp<0x10f>(-1, x));
  D(dpp<0x111>(-1, x));
  D(dpp<0x118, 15, 15, true>(-1, x));
  D(dpp<0x121>(-1, x));
  D(dpp<0x140>(-1, x));
  D(dpp<0x141>(-1, x));
  D(dpp<0x153>(-1, x));
  D(dpp<0x111, 5, 3>(-1, x));
#if GFX9
  D(dpp<0x130>(-1, x));
  D(dpp<0x134>(-1, x));
  D(dpp<0x138>(-1, x));
  D(dpp<0x13c>(-1, x));
  D(dpp<0x142, 10>(-1, x));
  D(dpp<0x143, 12>(-1, x));
#else
  D(dpp<0x165>(-1, x));
  D(__builtin_amdgcn_mov_dpp8(x, 0x8d2b7a));
  D(__builtin_amdgcn_permlanex16(-1, x, 0x76543210, 0xfedcba98, false, false));
#endif
  int y = x;
  if (l & 1) {
    y = dpp<0x111>(-7, x);
  }
  D(y);       // inactive source lanes
  int s = x;  // sum over 16 lanes, in one row
  s += dpp<0x111, 15, 15, true>(0, s);
  s += dpp<0x112, 15, 15, true>(0, s);
  s += dpp<0x114, 15, 15, true>(0, s);
  s += dpp<0x118, 15, 15, true>(0, s);
  D(s);
}

KERNEL(64) crosslane(const int* in, int* o) {
  int l = tid(), x = in[l], k = 0;
  D(__builtin_amdgcn_ds_bpermute(4 * (l ^ 5), x));
  D(__builtin_amdgcn_ds_permute(4 * (l ^ 5), x));
  D(__builtin_amdgcn_ds_swizzle(x, 0x041f));
  D(__builtin_amdgcn_ds_swizzle(x, 0x801b));
  D(__builtin_amdgcn_ds_swizzle(x, 0xc020));
  D(__builtin_amdgcn_readlane(x, 7));
  D(__builtin_amdgcn_readfirstlane(x + 1));
  int z = 0;
  if (l >= 5) z = __builtin_amdgcn_readfirstlane(x);
  D(z);
#if WAVE == 64
  D((int)__builtin_popcountll(__builtin_amdgcn_ballot_w64(x & 1)));
#else
  D(__builtin_popcount(__builtin_amdgcn_ballot_w32(x & 1)));
#endif
  D((int)lane());
#if defined(__gfx950__)
  typedef unsigned u2 __attribute__((ext_vector_type(2)));
  u2 a = __builtin_amdgcn_permlane16_swap(x, x + 1000, false, false),
     b = __builtin_amdgcn_permlane32_swap(x, x + 1000, false, false);
  D((int)a.x);
  D((int)a.y);
  D((int)b.x);
  D((int)b.y);
#endif
}
