// The loop over lanes of vector instructions: plain, compares, selects, carries, division steps, packed.
#pragma once
#include "calls.h"

namespace sim {
template <class Op, int OM, int DM, class... S_> SIM_NOINLINE void valu(Wave& w, u32* d, S_... s) {
  if (w.full) {
    SIM_LANES Op::R::template put<OM, DM>(d, i, ~0u,
                                          Op::call([](auto... a) SIM_LAMBDA { return Op::f(a...); }, i, s...));
  } else {
    SIM_LANES Op::R::template put<OM, DM>(d, i, w.em[i],
                                          Op::call([](auto... a) SIM_LAMBDA { return Op::f(a...); }, i, s...));
  }
}

// Compares: a mask of the active lanes for which Op::f is true.
SIM_INLINE u64 pack_mask(const u32* t) {
  u64 r = 0;
#if defined(__AVX2__)
  typedef float v8 __attribute__((vector_size(32)));
  for (int i = 0; i < W; i += 8) {
    v8 x;
    std::memcpy(&x, t + i, 32);
    r |= u64(u32(__builtin_ia32_movmskps256(x))) << i;
  }
#else
  for (int i = 0; i < W; i++) r |= u64(t[i] >> 31) << i;
#endif
  return r;
}

template <class Op, class... S_> SIM_NOINLINE u64 vcmp(Wave& w, S_... s) {
  alignas(64) u32 t[W];
  SIM_LANES t[i] = Op::call([](auto... a) SIM_LAMBDA { return Op::f(a...); }, i, s...) ? ~0u : 0u;
  return pack_mask(t) & w.exec;
}

template <class A, class B> SIM_NOINLINE void cndmask(Wave& w, u32* d, A a, B b, u64 c) {
  for (int h = 0; h < W; h += 32) {
    u32 m = u32(c >> h);
    _Pragma("GCC ivdep") for (int j = 0; j < 32; j++) {
      int i = h + j;
      put32(d, i, w.em[i], ((m >> j) & 1) ? t_u32::get(b, i) : t_u32::get(a, i));
    }
  }
}

template <int DM, class A, class B> SIM_NOINLINE void cndmask16(Wave& w, u32* d, A a, B b, u64 c) {
  for (int i = 0; i < W; i++)
    put32(d, i, w.em[i], place16<DM>(d[i], ((c >> i) & 1) ? t_u16::get(b, i) : t_u16::get(a, i)));
}

// Add and subtract with carry; returns the carry (borrow) mask of the active lanes. K: 0 a+b, 1 a-b, 2 b-a.
template <int K, class A, class B> SIM_NOINLINE u64 addc(Wave& w, u32* d, A a, B b, u64 cin) {
  alignas(64) u32 t[W];
  for (int h = 0; h < W; h += 32) {
    u32 m = u32(cin >> h);
    _Pragma("GCC ivdep") for (int j = 0; j < 32; j++) {
      int i = h + j;
      u32 x = a.lo(i), y = b.lo(i), c = (m >> j) & 1, r;
      if (K == 2) {
        u32 z = x;
        x = y;
        y = z;
      }
      if (K == 0) {
        r = x + y;
        u32 o = r < x;
        u32 r2 = r + c;
        o |= r2 < r;
        r = r2;
        t[i] = 0u - o;
      } else {
        r = x - y;
        u32 o = x < y;
        u32 r2 = r - c;
        o |= r < c;
        r = r2;
        t[i] = 0u - o;
      }
      put32(d, i, w.em[i], r);
    }
  }
  return pack_mask(t) & w.exec;
}

template <bool SIGNED, class A, class B, class C> SIM_NOINLINE u64 mad64(Wave& w, u32* d, A a, B b, C c) {
  u64 o = 0;
  for (int i = 0; i < W; i++) {
    u64 p = SIGNED ? u64(i64(i32(a.lo(i))) * i64(i32(b.lo(i)))) : u64(a.lo(i)) * b.lo(i),
        z = u64(c.hi(i)) << 32 | c.lo(i), r = p + z;
    i64 sum;
    bool ov = SIGNED ? __builtin_add_overflow(i64(p), i64(z), &sum) : r < p;
    if ((w.exec >> i) & 1) {
      o |= u64(ov) << i;
      d[i] = u32(r);
      d[i + W] = u32(r >> 32);
    }
  }
  return o;
}

// ---- division support ----
template <class F, class U, class TG, class A, class B, class C>
SIM_NOINLINE u64 div_scale(Wave& w, u32* d, A a_, B b_, C c_) {
  constexpr bool D = sizeof(F) == 8;
  constexpr int MB = D ? 52 : 23, EM = D ? 0x7ff : 0xff, NEAR = D ? 768 : 96, SC = D ? 128 : 64, TINY = D ? 53 : 23;
  u64 vcc = 0;
  for (int i = 0; i < W; i++) {
    if (!((w.exec >> i) & 1)) continue;
    F a = TG::get(a_, i), b = TG::get(b_, i), c = TG::get(c_, i), r = a;
    auto ex = [](F x) { return int(bits<U>(x) >> MB) & EM; };
    auto den = [&](F x) { return x != 0 && ex(x) == 0; };
    bool same_b = bits<U>(a) == bits<U>(b), same_c = bits<U>(a) == bits<U>(c), v = false;
    if (b == 0 || c == 0)
      r = F(NAN);
    else if (ex(c) - ex(b) >= NEAR) {
      v = true;
      if (same_b) r = std::ldexp(a, SC);
    } else if (den(b))
      r = std::ldexp(a, SC);
    else if (den(F(1) / b) && den(c / b)) {
      v = true;
      if (same_b) r = std::ldexp(a, SC);
    } else if (den(F(1) / b))
      r = std::ldexp(a, -SC);
    else if (den(c / b)) {
      v = true;
      if (same_c) r = std::ldexp(a, SC);
    } else if (ex(c) <= TINY)
      r = std::ldexp(a, SC);
    vcc |= u64(v) << i;
    TG::template put<0, 0>(d, i, ~0u, r);
  }
  return vcc;
}

template <class F, class U, class TG, class A, class B, class C>
SIM_NOINLINE void div_fmas(Wave& w, u32* d, A a_, B b_, C c_, u64 vcc) {
  constexpr bool D = sizeof(F) == 8;
  for (int i = 0; i < W; i++) {
    F c = TG::get(c_, i), r = std::fma(F(TG::get(a_, i)), F(TG::get(b_, i)), c);
    int e = D ? int(u64(bits<U>(c)) >> 52) & 0x7ff : int(bits<U>(c) >> 23) & 0xff;
    if ((vcc >> i) & 1) r *= e > (D ? 1023 : 127) ? (D ? F(0x1p128) : F(0x1p64)) : (D ? F(0x1p-128) : F(0x1p-64));
    TG::template put<0, 0>(d, i, w.em[i], r);
  }
}

template <class F> F div_fixup(F q, F b, F c) {  // q: quotient, b: denominator, c: numerator
  bool neg = std::signbit(b) != std::signbit(c);
  auto exponent = [](F x) {
    return sizeof(F) == 8 ? int(bits<u64>(double(x)) >> 52 & 0x7ff) : int(bits<u32>(float(x)) >> 23 & 0xff);
  };
  F r;
  if (c != c) return c;
  if (b != b) return b;
  if ((b == 0 && c == 0) || (std::isinf(b) && std::isinf(c))) return -F(NAN);
  if (b == 0 || std::isinf(c))
    r = F(INFINITY);
  else if (std::isinf(b) || c == 0)
    r = 0;
  else if (exponent(c) - exponent(b) < (sizeof(F) == 8 ? -1075 : -150))
    r = 0;  // underflow
  else if (q != q)
    r = F(INFINITY);  // the iteration overflowed
  else
    r = std::fabs(q);
  return neg ? -r : r;
}

// ---- packed: two 16-bit halves (signature as for scalars), or two 32-bit registers ----
template <class Op, int OM, class... S_> SIM_NOINLINE void pk16(Wave& w, u32* d, S_... s) {
  SIM_LANES {
    u32 lo = Op::R::template enc<OM>(Op::call([](auto... a) SIM_LAMBDA { return Op::f(a...); }, i, s.lo()...));
    u32 hi = Op::R::template enc<OM>(Op::call([](auto... a) SIM_LAMBDA { return Op::f(a...); }, i, s.hi()...));
    put32(d, i, w.em[i], lo | hi << 16);
  }
}

template <class Op, int OM, class A, class B>
SIM_NOINLINE void pk32(Wave& w, u32* d, A a0, B b0) {  // both halves are computed before either is written
  SIM_LANES {
    u32 x[1], y[1];
    Op::R::template put<OM, 0>(x, 0, ~0u, Op::f(Op::R::get(a0, i)));
    Op::R::template put<OM, 0>(y, 0, ~0u, Op::f(Op::R::get(b0, i)));
    put32(d, i, w.em[i], x[0]);
    put32(d + W, i, w.em[i], y[0]);
  }
}

template <class Op, int OM, class A, class B, class C, class D>
SIM_NOINLINE void pk32(Wave& w, u32* d, A a0, B a1, C b0, D b1) {
  SIM_LANES {
    u32 x[1] = {0}, y[1] = {0};
    Op::R::template put<OM, 0>(x, 0, ~0u, Op::f(Op::R::get(a0, i), Op::R::get(a1, i)));
    Op::R::template put<OM, 0>(y, 0, ~0u, Op::f(Op::R::get(b0, i), Op::R::get(b1, i)));
    put32(d, i, w.em[i], x[0]);
    put32(d + W, i, w.em[i], y[0]);
  }
}

template <class Op, int OM, class A, class B, class C, class D, class E, class F>
SIM_NOINLINE void pk32(Wave& w, u32* d, A a0, B a1, C a2, D b0, E b1, F b2) {
  SIM_LANES {
    u32 x[1] = {0}, y[1] = {0};
    Op::R::template put<OM, 0>(x, 0, ~0u, Op::f(Op::R::get(a0, i), Op::R::get(a1, i), Op::R::get(a2, i)));
    Op::R::template put<OM, 0>(y, 0, ~0u, Op::f(Op::R::get(b0, i), Op::R::get(b1, i), Op::R::get(b2, i)));
    put32(d, i, w.em[i], x[0]);
    put32(d + W, i, w.em[i], y[0]);
  }
}

}  // namespace sim
