// What the operands of an instruction are in the generated code, and the types of what they hold.
#pragma once
#include "types.h"
#ifndef WAVE
#define WAVE 64
#endif

namespace sim {
constexpr int W = WAVE;
constexpr u64 ALL = W == 64 ? ~u64(0) : u64(0xffffffff);
#define SIM_ACTIVE if (w.em[i])
#define SIM_LAMBDA __attribute__((always_inline))
#define SIM_LANES _Pragma("GCC ivdep") for (int i = 0; i < W; i++)

SIM_INLINE void set_exec(Wave& w, u64 x) {
  x &= ALL;
  w.exec = x;
  w.full = x == ALL;
  for (int h = 0; h < W / 32; h++) {
    u32 m = u32(x >> (32 * h)), *e = w.em + 32 * h;
    for (int i = 0; i < 32; i++) e[i] = 0u - ((m >> i) & 1);
  }
}

struct ExecScope {  // a narrower EXEC for one instruction (DPP row/bank masks)
  Wave& w;
  u64 old;
  bool narrow;

  ExecScope(Wave& w, u64 m) : w(w), old(w.exec), narrow((old & m) != old) {
    if (narrow) set_exec(w, old & m);
  }

  ~ExecScope() {
    if (narrow) set_exec(w, old);
  }
};

// ---- operands: V a vector register (rows p and, for 64 bits, p+W), S a scalar or constant; M adds modifiers ----
struct V {
  const u32* p;
  static constexpr bool neg = false, abs = false;
  static constexpr int sel = 0;

  SIM_INLINE u32 lo(int i) const { return p[i]; }

  SIM_INLINE u32 hi(int i) const { return p[i + W]; }
};

struct S {
  u64 x;
  static constexpr bool neg = false, abs = false;
  static constexpr int sel = 0;

  SIM_INLINE u32 lo(int) const { return u32(x); }

  SIM_INLINE u32 hi(int) const { return u32(x >> 32); }
};

template <int F, class B> struct M : B {  // F: 1 neg, 2 abs, 4 high half
  static constexpr bool neg = F & 1, abs = F & 2;
  static constexpr int sel = (F >> 2) & 1;
};

template <int F> SIM_INLINE M<F, V> mod(V v) { return {v}; }

template <int F> SIM_INLINE M<F, S> mod(S s) { return {s}; }

template <int LO, int HI, class B> struct P {  // packed 16-bit: modifiers of the low and of the high half
  B b;

  SIM_INLINE M<LO, B> lo() const { return {b}; }

  SIM_INLINE M<HI, B> hi() const { return {b}; }
};

template <int LO, int HI> SIM_INLINE P<LO, HI, V> pk(V v) { return {v}; }

template <int LO, int HI> SIM_INLINE P<LO, HI, S> pk(S s) { return {s}; }

// ---- operand and result types ----
template <class S_> SIM_INLINE u32 fmod32(const S_& s, u32 x) {
  if (S_::abs) x &= 0x7fffffffu;
  if (S_::neg) x ^= 0x80000000u;
  return x;
}

template <class S_> SIM_INLINE u32 half_of(const S_& s, int i) { return S_::sel ? s.lo(i) >> 16 : s.lo(i) & 0xffffu; }

template <class S_> SIM_INLINE u32 fhalf_of(const S_& s, int i) {
  u32 x = half_of(s, i);
  if (S_::abs) x &= 0x7fffu;
  if (S_::neg) x ^= 0x8000u;
  return x;
}

SIM_INLINE void put32(u32* d, int i, u32 m, u32 x) { d[i] = (x & m) | (d[i] & ~m); }

template <int OM> SIM_INLINE float outmod(float x) {  // OM: 1 *2, 2 *4, 3 /2, +4 clamp
  if ((OM & 3) == 1) x *= 2;
  if ((OM & 3) == 2) x *= 4;
  if ((OM & 3) == 3) x *= .5f;
  return OM & 4 ? clamp01(x) : x;
}

template <int DM>
SIM_INLINE u32 place16(u32 old, u32 x) {  // DM: 0 zero the high half, 1 keep it, 2 write the high half
  return DM == 0 ? x & 0xffffu : DM == 1 ? (old & 0xffff0000u) | (x & 0xffffu) : (old & 0xffffu) | x << 16;
}

struct f32 {
  using T = float;

  template <class S_> static SIM_INLINE T get(const S_& s, int i) { return bits<float>(fmod32(s, s.lo(i))); }

  template <int OM, int DM> static SIM_INLINE void put(u32* d, int i, u32 m, T x) {
    put32(d, i, m, bits<u32>(outmod<OM>(x)));
  }
};

struct t_u32 {
  using T = u32;

  template <class S_> static SIM_INLINE T get(const S_& s, int i) { return fmod32(s, s.lo(i)); }

  template <int OM, int DM> static SIM_INLINE void put(u32* d, int i, u32 m, T x) { put32(d, i, m, x); }
};

struct t_i32 {
  using T = i32;

  template <class S_> static SIM_INLINE T get(const S_& s, int i) { return i32(s.lo(i)); }

  template <int OM, int DM> static SIM_INLINE void put(u32* d, int i, u32 m, T x) { put32(d, i, m, u32(x)); }
};

struct t_u64 {
  using T = u64;

  template <class S_> static SIM_INLINE T get(const S_& s, int i) { return u64(fmod32(s, s.hi(i))) << 32 | s.lo(i); }

  template <int OM, int DM> static SIM_INLINE void put(u32* d, int i, u32 m, T x) {
    put32(d, i, m, u32(x));
    put32(d + W, i, m, u32(x >> 32));
  }
};

struct t_i64 {
  using T = i64;

  template <class S_> static SIM_INLINE T get(const S_& s, int i) { return i64(u64(s.hi(i)) << 32 | s.lo(i)); }

  template <int OM, int DM> static SIM_INLINE void put(u32* d, int i, u32 m, T x) { t_u64::put<0, 0>(d, i, m, u64(x)); }
};

struct f64 {
  using T = double;

  template <class S_> static SIM_INLINE T get(const S_& s, int i) { return bits<double>(t_u64::get(s, i)); }

  template <int OM, int DM> static SIM_INLINE void put(u32* d, int i, u32 m, T x) {
    if ((OM & 3) == 1) x *= 2;
    if ((OM & 3) == 2) x *= 4;
    if ((OM & 3) == 3) x *= .5;
    if (OM & 4) x = clamp01(x);
    t_u64::put<0, 0>(d, i, m, bits<u64>(x));
  }
};

struct f16 {
  using T = float;

  template <class S_> static SIM_INLINE T get(const S_& s, int i) { return h2f(fhalf_of(s, i)); }

  template <int OM> static SIM_INLINE u32 enc(T x) { return f2h(outmod<OM>(x)); }

  template <int OM, int DM> static SIM_INLINE void put(u32* d, int i, u32 m, T x) {
    put32(d, i, m, place16<DM>(d[i], enc<OM>(x)));
  }
};

struct b16 {
  using T = float;

  template <class S_> static SIM_INLINE T get(const S_& s, int i) { return b2f(fhalf_of(s, i)); }

  template <int OM, int DM> static SIM_INLINE void put(u32* d, int i, u32 m, T x) {
    put32(d, i, m, place16<DM>(d[i], f2b(outmod<OM>(x))));
  }
};

struct t_u16 {
  using T = u16;

  template <class S_> static SIM_INLINE T get(const S_& s, int i) { return u16(fhalf_of(s, i)); }

  template <int OM> static SIM_INLINE u32 enc(T x) { return x; }

  template <int OM, int DM> static SIM_INLINE void put(u32* d, int i, u32 m, T x) {
    put32(d, i, m, place16<DM>(d[i], x));
  }
};

struct t_i16 {
  using T = i16;

  template <class S_> static SIM_INLINE T get(const S_& s, int i) { return i16(half_of(s, i)); }

  template <int OM> static SIM_INLINE u32 enc(T x) { return u16(x); }

  template <int OM, int DM> static SIM_INLINE void put(u32* d, int i, u32 m, T x) {
    put32(d, i, m, place16<DM>(d[i], u16(x)));
  }
};

// An operation is a struct with a signature, e.g. `struct v_add_f32 : op<f32(f32, f32)> { static float f(float a, float
// b); }`.
template <class Sig> struct op;

template <class R_, class... A_> struct op<R_(A_...)> {
  using R = R_;

  template <class F, class... S_> static SIM_INLINE auto call(F f, int i, const S_&... s) {
    return f(A_::get(s, i)...);
  }
};

SIM_INLINE u32 first_lane(Wave& w) { return w.exec ? u32(__builtin_ctzll(w.exec)) : 0; }
}  // namespace sim
