// The checks of memory accesses, and how a wave is stopped.
#pragma once
#include <cstdio>

#include "calls.h"

namespace sim {
[[noreturn]] SIM_NOINLINE inline void fault(Wave& w, const char* what, int lane, u64 addr, u32 size, int acc) {
  char b[400];
  std::snprintf(b, sizeof b, "%s: %s of %u bytes at 0x%llx, lane %d of wave %u, workgroup (%u,%u,%u), pc 0x%x", what,
                acc == READ    ? "read"
                : acc == WRITE ? "write"
                               : "atomic",
                size, (unsigned long long)addr, lane, w.index, w.g->id[0], w.g->id[1], w.g->id[2], w.pc);
  w.g->fail(w, b);
}

[[noreturn]] SIM_NOINLINE inline void sim_trap(Wave& w, const char* what) { fault(w, what, -1, 0, 0, READ); }

inline u32* indexed(Wave& w, u32* v, u32 n, u32 count) {
  u32 k = n + (w.s[S_M0] & 255);
  if (k >= count) fault(w, "indexed register out of range", -1, k, 4, READ);
  return v + k * W;
}

// ---- checks ----
inline bool in_alloc(const Group& g, u64 a, u32 n) {
  u64 lo = 0, hi = g.nalloc;  // last range that starts at or below a
  while (lo < hi) {
    u64 m = (lo + hi) / 2;
    if (g.allocs[m].lo <= a)
      lo = m + 1;
    else
      hi = m;
  }
  return lo && a + n <= g.allocs[lo - 1].hi;
}

SIM_INLINE void check_global(Wave& w, int lane, u64 a, u32 n, int acc) {
  if (__builtin_expect(a - 0x10000u >= 0x7fffffff0000ull, 0)) fault(w, "invalid global address", lane, a, n, acc);
  if (__builtin_expect(w.g->nalloc != 0, 0) && !in_alloc(*w.g, a, n))
    fault(w, "global access outside of every registered allocation", lane, a, n, acc);
}

inline void race(Wave& w, int lane, u32 a, u32 n, int acc, const LdsShadow& s, bool with_writer) {
  char b[128];
  std::snprintf(b, sizeof b, "LDS race with %s by wave %d (no barrier between)", with_writer ? "a write" : "a read",
                with_writer ? (s.writer == ANY_WAVE ? -1 : s.writer) : (s.reader == ANY_WAVE ? -1 : s.reader));
  fault(w, b, lane, a, n, acc);
}

SIM_NOINLINE inline void track_lds(Wave& w, int lane, u32 a, u32 n, int acc) {
  u32 e = w.g->epoch;
  u16 me = u16(w.index);
  for (u32 k = a; k < a + n; k++) {
    LdsShadow& s = w.g->shadow[k];
    bool atom_ok = acc == ATOMIC && s.wepoch == e && s.writer == ANY_WAVE;
    if (s.wepoch == e && s.writer != me && !atom_ok) race(w, lane, a, n, acc, s, true);
    if (acc != READ && s.repoch == e && s.reader != me) race(w, lane, a, n, acc, s, false);
    if (acc == READ) {
      if (s.repoch == e && s.reader != me)
        s.reader = ANY_WAVE;
      else {
        s.repoch = e;
        s.reader = me;
      }
    } else {
      s.wepoch = e;
      s.writer = acc == ATOMIC ? ANY_WAVE : me;
    }
  }
}

SIM_INLINE u8* lds_ptr(Wave& w, int lane, u32 a, u32 n, int acc) {
  if (__builtin_expect(u64(a) + n > w.g->lds_size, 0)) fault(w, "LDS access out of bounds", lane, a, n, acc);
  if (__builtin_expect(w.g->shadow != nullptr, 0)) track_lds(w, lane, a, n, acc);
  return w.g->lds + a;
}

SIM_INLINE u8* scratch_ptr(Wave& w, int lane, u32 a, u32 n, int acc) {
  if (__builtin_expect(u64(a) + n > w.scratch_size, 0)) fault(w, "scratch access out of bounds", lane, a, n, acc);
  return w.scratch + u64(lane) * w.scratch_size + a;
}

SIM_INLINE u8* flat_ptr(Wave& w, int lane, u64 a, u32 n, int acc) {
  if (u32(a >> 32) == SHARED_APERTURE_HI) return lds_ptr(w, lane, u32(a), n, acc);
  if (u32(a >> 32) == PRIVATE_APERTURE_HI) return scratch_ptr(w, lane, u32(a), n, acc);
  check_global(w, lane, a, n, acc);
  return (u8*)a;
}

}  // namespace sim
