// The operands of memory instructions: address forms, buffers, and the tags of segments, of what is moved and of
// atomics.
#pragma once
#include "operands.h"

namespace sim {
// ---- address forms: 64-bit VGPR pair, or SGPR base + 32-bit VGPR offset ----
struct AddrV {
  const u32* p;
  i64 off;

  SIM_INLINE u64 operator()(int i) const { return (u64(p[i + W]) << 32 | p[i]) + u64(off); }
};

struct AddrS {
  u64 base;
  const u32* p;
  i64 off;

  SIM_INLINE u64 operator()(int i) const { return base + (p ? p[i] : 0) + u64(off); }
};

struct AddrD {
  const u32* p;
  u32 off;

  SIM_INLINE u64 operator()(int i) const { return u32(p[i] + off); }
};  // LDS

struct Buffer {
  u32 r[4];
  const u32* voff;
  const u32* vidx;
  u32 soff;
  u32 ioff;

  SIM_INLINE u64 base() const { return u64(r[1] & 0xffff) << 32 | r[0]; }

  SIM_INLINE u32 stride() const { return (r[1] >> 16) & 0x3fff; }

  SIM_INLINE bool is_scratch() const { return (r[1] >> 31) && (r[3] >> 23 & 1); }
};

struct Acc {  // the C operand: registers or a constant
  const u32* p;
  u32 k;

  SIM_INLINE u32 at(int r, int l) const { return p ? p[r * W + l] : k; }
};

// Segments, what a load or store moves, atomic operations: defined in memory.h.
struct Global;
struct Flat;
struct Scratch;
struct Lds;
template <int N> struct Dwords;
template <class T> struct Ext;
template <class T, int HI> struct D16;
struct a_add;
struct a_sub;
struct a_rsub;
struct a_min;
struct a_max;
struct a_fmin;
struct a_fmax;
struct a_and;
struct a_or;
struct a_xor;
struct a_swap;
struct a_inc;
struct a_dec;
struct a_csub;
struct a_pkf16;
struct a_pkbf16;
}  // namespace sim
