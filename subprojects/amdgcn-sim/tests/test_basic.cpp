// Plain kernels: arguments, ids, calls, globals, memory of every kind, atomics, a small attention kernel.
#include "harness.hpp"

namespace {
void vector_addition() {
  int n = 5000;
  Vec<float> a(n), b(n), c(n);
  for (int i = 0; i < n; i++) a[i] = rnd(), b[i] = rnd();
  bool ok = launch("vadd", {20}, {256}, args(a.data(), b.data(), c.data(), n));
  for (int i = 0; i < n; i++) ok &= c[i] == a[i] + b[i];
  report("vadd", ok);
}

void ids() {
  Vec<unsigned> o(12 * 64 * 2);
  bool ok = launch("ids", {3, 2, 2}, {8, 4, 2}, args(o.data()));
  for (unsigned g = 0; g < 12; g++)
    for (unsigned l = 0; l < 64; l++)
      ok &= o[2 * (g * 64 + l)] == (g % 3 | g / 3 % 2 << 4 | g / 6 << 8) &&
            o[2 * (g * 64 + l) + 1] == (l % 8 | l / 8 % 4 << 8 | l / 32 << 16);
  report("ids", ok);
}

void block_reduction() {
  int n = 777;
  Vec<float> x(5 * n), o(5);
  for (auto& v : x) v = rnd();
  bool ok = launch("block_reduce", {5}, {256}, args(x.data(), o.data(), n));
  for (int r = 0; r < 5; r++) {
    double s = 0;
    for (int i = 0; i < n; i++) s += x[r * n + i];
    ok &= std::fabs(s - o[r]) < 1e-3;
  }
  report("block_reduce", ok);
}

void dynamic_lds() {
  int n = 1500;
  Vec<int> x(3 * n), o(3 * n);
  for (int i = 0; i < 3 * n; i++) x[i] = i;
  bool ok = launch("dynlds", {3}, {256}, args(x.data(), o.data(), n), 4 * n);
  for (int g = 0; g < 3; g++)
    for (int i = 0; i < n; i++) ok &= o[g * n + i] == x[g * n + n - 1 - i];
  report("dynlds", ok);
}

void calls() {
  Vec<int> o(256), sel(64);
  for (int i = 0; i < 64; i++) sel[i] = (i * 7) % 20;
  int* cnt = (int*)amdgcn_sim_symbol(mod, "counter", nullptr);
  bool ok = cnt && *cnt == 5;
  if (ok) *cnt = 9;
  for (int n : {6, 5}) {
    ok &= launch("calls", {1}, {64}, args(o.data(), n, sel.data()));
    static const int tab[] = {10, 20, 30, 40};
    int fa[] = {1, 1, 2, 6, 24, 120, 720, 5040};
    for (int l = 0; l < 64; l++)
      ok &= o[l] == 2 * l + 9 + tab[l & 3] + 9 && o[64 + l] == fa[n] && o[128 + l] == sel[l] * l &&
            o[192 + l] == (n == 6 ? 2 * (l & 7) + 9 : fa[l & 7]);
  }
  report("calls, globals, scratch", ok);
  if (cnt) *cnt = 5;
}

void flat_pointers() {
  for (int sel = 0; sel < 3; sel++) {
    Vec<int> g(192, 1);
    bool ok = launch("flat", {1}, {64}, args(g.data(), sel));
    for (int i = 0; i < 64; i++)
      ok &= g[i] == 1 + (sel == 0) && g[64 + i] == 100 + i + (sel == 1) && g[128 + i] == 3 + (i & 1) + (sel == 2);
    report("flat pointer " + std::to_string(sel), ok);
  }
}

void spinning() {
  unsigned n = 40;
  Vec<unsigned> f(n), o(n);
  bool ok = launch("spin", {n}, {64}, args(f.data(), o.data()));
  for (unsigned i = 0; i < n; i++) ok &= o[i] == n - i;
  report("spin on later workgroups", ok);
}

void relay() {
  Vec<unsigned> f(2);
  setenv("AMDGCN_SIM_THREADS", "1", 1);
  bool ok = launch("relay", {3}, {64}, args(f.data()));
  unsetenv("AMDGCN_SIM_THREADS");
  report("one of those that spin ends before the others", ok);
}

void small_elements() {
  Vec<uint8_t> a(256), o(256);
  Vec<short> s(256), so(256);
  Vec<float> v(1024), vo(1024);
  for (int i = 0; i < 256; i++) a[i] = uint8_t(rng()), s[i] = short(rng());
  for (auto& x : v) x = rnd();
  bool ok = launch("bytes", {1}, {256}, args(a.data(), o.data(), s.data(), so.data(), v.data(), vo.data()));
  for (int i = 0; i < 256; i++) {
    ok &= o[i] == uint8_t(a[i] + a[255 - i]) && so[i] == short(s[i] * 3);
    for (int k = 0; k < 4; k++) ok &= vo[4 * i + k] == v[4 * (255 - i) + k];
  }
  report("bytes, shorts, vectors", ok);
}

void buffer_bounds() {
  Vec<unsigned> m(1024), o(128), o4(256);
  for (unsigned i = 0; i < 1024; i++) m[i] = i * 2654435761u;
  auto ref = m;
  const int bytes = 700;
  bool ok = launch("buffers", {1}, {64}, args(m.data(), o.data(), o4.data(), bytes));
  auto* b = (const uint8_t*)ref.data();
  for (unsigned i = 0; i < 64; i++) {
    ok &= o[i] == ref[i] && o[64 + i] == b[i + 3];
    for (unsigned k = 0; k < 4; k++) ok &= o4[4 * i + k] == (16 * i + 16 + 4 * k + 4 <= bytes ? ref[4 * i + 4 + k] : 0);
    ok &= m[128 + i] == (512 + 4 * i + 4 <= bytes ? i + 7000 : ref[128 + i]);
  }
  report("buffers and their bounds", ok);
}

void direct_loads() {
  if (!has("load_to_lds")) return;
  Vec<unsigned> p(1024), o(1280);
  for (auto& x : p) x = unsigned(rng());
  bool ok = launch("load_to_lds", {1}, {256}, args(p.data(), o.data()));
  for (unsigned i = 0; i < 256; i++) {
    ok &= o[i] == p[255 - i];
    for (unsigned k = 0; k < 4; k++) ok &= o[256 + 4 * i + k] == p[4 * (255 - i) + k];
  }
  report("direct loads to LDS", ok);
}

void atomics() {
  const unsigned n = 512;
  Vec<unsigned> c(16), t(n);
  Vec<uint64_t> c64(1);
  Vec<float> f(16);
  int mx[2] = {-100, 100};
  double dd = 0;
  bool ok = launch("atomics", {4}, {128}, args(c.data(), c64.data(), f.data(), t.data(), mx, &dd));
  unsigned sum = 0, isum = 0, x = 0;
  Vec<unsigned> seen;
  int hi = -100, lo = 100;
  for (unsigned i = 0; i < n; i++)
    sum += 1 + (i % 4 == 0), isum += i, x ^= i, hi = std::max(hi, int(i * 7 % 61) - 3),
                                                lo = std::min(lo, -int(i * 5 % 77));
  report("atomic add, cas", ok && c[0] == sum && c[1] == isum);
  report("atomic 64-bit", ok && c64[0] == uint64_t(isum) << 33);
  report("atomic min, max, xor, or", ok && mx[0] == hi && mx[1] == lo && c[2] == x && c[3] == ~0u);
  report("atomic float", ok && f[8] == 512 && dd == 128);
  for (unsigned g = 0; g < 4; g++) {
    unsigned s = 0;
    for (unsigned i = 0; i < 128; i++) s += g * 128 + i;
    ok &= c[8 + g] == s && f[g] == 64;
  }
  report("atomic LDS", ok);
  Vec<std::pair<unsigned, unsigned>> o;
  for (unsigned i = 0; i < n; i++) o.push_back({t[i], i});
  std::sort(o.begin(), o.end());
  unsigned at = 0;
  for (auto [v, i] : o) {
    ok &= v == at;
    at += 1 + (i % 4 == 0);
  }
  report("atomic returned values", ok);
}

void attention() {
  int groups = 4, nk = 64;
  Vec<uint16_t> q(groups * 16 * 64), k(nk * 64), v(nk * 64);
  Vec<float> o(groups * 16 * 64);
  for (auto* x : {&q, &k, &v})
    for (auto& e : *x) e = tobf(rnd(2));
  bool ok = launch("attention", {uint32_t(groups)}, {64}, args(q.data(), k.data(), v.data(), o.data(), nk, 0.125f));
  double worst = 0;
  for (int r = 0; r < groups * 16; r++) {
    Vec<double> s(nk), a(64);
    double m = -1e30, t = 0;
    for (int j = 0; j < nk; j++) {
      s[j] = 0;
      for (int d = 0; d < 64; d++) s[j] += double(frombf(q[r * 64 + d])) * frombf(k[j * 64 + d]);
      s[j] *= 0.125;
      m = std::fmax(m, s[j]);
    }
    for (int j = 0; j < nk; j++) {
      double p = std::exp(s[j] - m);
      t += p;
      for (int d = 0; d < 64; d++) a[d] += p * frombf(v[j * 64 + d]);
    }
    for (int d = 0; d < 64; d++) worst = std::fmax(worst, std::fabs(a[d] / t - o[r * 64 + d]));
  }
  report("attention", ok && worst < 1e-2, "max error " + std::to_string(worst));
}
}  // namespace

void test_basic() {
  vector_addition();
  ids();
  block_reduction();
  dynamic_lds();
  calls();
  flat_pointers();
  spinning();
  relay();
  small_elements();
  buffer_bounds();
  direct_loads();
  atomics();
  attention();
}
