// What the tests of the executor share: launches by kernel name, reports, random numbers, small formats.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "amdgcn_sim.h"

inline amdgcn_sim_module* mod;
inline std::string arch;
inline int failures, done;
inline std::mt19937_64 rng(1);
inline char err[8192];

void test_basic();
void test_lanes();
void test_numbers();
void test_matrix();
void test_checks();

template <class T> using Vec = std::vector<T>;

struct Args {
  Vec<unsigned char> b;

  template <class T> Args& add(T v) {
    while (b.size() % sizeof(T)) b.push_back(0);
    auto* p = (const unsigned char*)&v;
    b.insert(b.end(), p, p + sizeof v);
    return *this;
  }
};

template <class... A> Args args(A... a) {
  Args r;
  (r.add(a), ...);
  return r;
}

inline bool has(const char* k) { return amdgcn_sim_find_kernel(mod, k); }

inline bool launch(const char* name, std::initializer_list<uint32_t> g, std::initializer_list<uint32_t> b,
                   const Args& a, uint32_t dyn = 0) {
  auto* k = amdgcn_sim_find_kernel(mod, name);
  if (!k) {
    std::snprintf(err, sizeof err, "no kernel");
    return false;
  }
  uint32_t gg[3] = {1, 1, 1}, bb[3] = {1, 1, 1};
  std::copy(g.begin(), g.end(), gg);
  std::copy(b.begin(), b.end(), bb);
  err[0] = 0;
  return amdgcn_sim_launch(k, gg, bb, dyn, a.b.data(), a.b.size(), err, sizeof err) == 0;
}

inline void report(const std::string& name, bool ok, const std::string& note = "") {
  done++;
  failures += !ok;
  if (!ok || std::getenv("VERBOSE"))
    std::printf("%-4s %s %s %s%s\n", ok ? "ok" : "FAIL", arch.c_str(), name.c_str(), note.c_str(),
                ok || !err[0] ? "" : (std::string(" ") + err).c_str());
  err[0] = 0;
}

inline float rnd(float s = 1) { return s * (float(rng() >> 40) / float(1 << 23) - 1); }

inline uint16_t tobf(float f) {
  auto u = std::bit_cast<uint32_t>(f);
  return uint16_t((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

inline float frombf(uint16_t b) { return std::bit_cast<float>(uint32_t(b) << 16); }

// A float of 8 bits with eb exponent and mb mantissa bits.
inline float dec8(unsigned b, int eb, int mb, int bias, bool fnuz) {
  int s = b >> 7, e = (b >> mb) & ((1 << eb) - 1), m = b & ((1 << mb) - 1);
  if (fnuz ? b == 0x80 : eb == 4 ? (b & 0x7f) == 0x7f : e == 31 && m) return NAN;
  if (!fnuz && eb == 5 && e == 31) return s ? -INFINITY : INFINITY;
  double v = e ? std::ldexp(1 + m / double(1 << mb), e - bias) : std::ldexp(m / double(1 << mb), 1 - bias);
  return float(s ? -v : v);
}
