// The C ABI, and the execution of workgroups.
#include "build.h"
#include "tools.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <sys/mman.h>
#include <thread>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

using namespace sim;
using Clock = std::chrono::steady_clock;
static double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

// ---------------------------------------------------------------- registered allocations
static std::shared_mutex alloc_mutex;
static std::map<u64, u64> allocs;
extern "C" void amdgcn_sim_register_alloc(const void* p, size_t n) { std::unique_lock l(alloc_mutex); allocs[u64(p)] = n; }
extern "C" void amdgcn_sim_unregister_alloc(const void* p) { std::unique_lock l(alloc_mutex); allocs.erase(u64(p)); }
static std::vector<Range> alloc_ranges() {
  std::shared_lock l(alloc_mutex);
  std::vector<Range> r;
  for (auto [a, n] : allocs) r.push_back({a, a + n});
  return r;
}

// ---------------------------------------------------------------- modules and kernels
struct Kernel : amdgcn_sim_kernel {
  amdgcn_sim_module* mod; const KernelMeta* meta;
  std::vector<amdgcn_sim_arg> arg_list;
  std::mutex mutex; const KernelInfo* info = nullptr;
  std::vector<u64> counts; amdgcn_sim_stats st{};
};
struct amdgcn_sim_module { std::unique_ptr<CodeObject> co; std::vector<std::unique_ptr<Kernel>> kernels; };

static int fail(char* err, size_t n, const std::string& s) { if (err && n) std::snprintf(err, n, "%s", s.c_str()); return 1; }
static bool stats_wanted() { static bool b = !env("AMDGCN_SIM_STATS").empty(); return b; }
static void print_stats(Kernel& k) {
  if (!k.st.launches) return;
  std::fprintf(stderr, "amdgcn-sim: %s: %llu launches, %llu workgroups, %.3f M wave instructions, translate %.2f s, run %.3f s (%.1f M/s)\n", k.name, (unsigned long long)k.st.launches,
               (unsigned long long)k.st.workgroups, double(k.st.instructions) / 1e6, k.st.translate_seconds, k.st.run_seconds, double(k.st.instructions) / 1e6 / std::max(k.st.run_seconds, 1e-9));
  std::vector<std::pair<u64, std::string>> v;
  amdgcn_sim_mnemonics(&k, [](void* u, const char* m, uint64_t c) { ((std::vector<std::pair<u64, std::string>>*)u)->push_back({c, m}); }, &v);
  std::sort(v.rbegin(), v.rend());
  for (auto& [c, m] : v) std::fprintf(stderr, "  %12llu %s\n", (unsigned long long)c, m.c_str());
}
static struct Registry {           // statistics are printed at unload or at exit
  std::mutex m; std::vector<amdgcn_sim_module*> mods;
  ~Registry() { if (stats_wanted()) for (auto* x : mods) for (auto& k : x->kernels) print_stats(*k); }
} registry;

extern "C" amdgcn_sim_module* amdgcn_sim_load(const void* elf, size_t n, char* err, size_t errlen) {
  try {
    auto m = std::make_unique<amdgcn_sim_module>();
    m->co = std::make_unique<CodeObject>(elf, n);
    for (auto& km : m->co->kernels) {
      auto k = std::make_unique<Kernel>();
      k->mod = m.get(); k->meta = &km; k->name = km.name.c_str();
      k->kernarg_size = std::max(km.kernarg, km.kd.kernarg); k->lds_size = km.kd.lds; k->private_size = km.kd.scratch;
      k->wave_size = km.wave; k->vgpr_count = km.vgpr; k->agpr_count = km.agpr; k->sgpr_count = km.sgpr; k->max_workgroup_size = km.max_wg; k->uses_dynamic_stack = km.dynamic_stack;
      for (int hidden = 0; hidden < 2; hidden++) for (auto& a : km.args) if ((a.kind.rfind("hidden_", 0) == 0) == bool(hidden)) {
        k->arg_list.push_back({a.name.c_str(), a.kind.c_str(), a.offset, a.size});
        if (!hidden) k->explicit_size = std::max(k->explicit_size, a.offset + a.size);
      }
      k->args = k->arg_list.data(); k->nargs = u32(k->arg_list.size());
      m->kernels.push_back(std::move(k));
    }
    std::lock_guard l(registry.m); registry.mods.push_back(m.get());
    return m.release();
  } catch (std::exception& e) { fail(err, errlen, e.what()); return nullptr; }
}
extern "C" void amdgcn_sim_unload(amdgcn_sim_module* m) {
  if (!m) return;
  { std::lock_guard l(registry.m); std::erase(registry.mods, m); }
  if (stats_wanted()) for (auto& k : m->kernels) print_stats(*k);
  delete m;
}
extern "C" const char* amdgcn_sim_arch(const amdgcn_sim_module* m) { return m->co->arch.c_str(); }
extern "C" uint32_t amdgcn_sim_kernel_count(const amdgcn_sim_module* m) { return u32(m->kernels.size()); }
extern "C" const amdgcn_sim_kernel* amdgcn_sim_kernel_at(const amdgcn_sim_module* m, uint32_t i) { return i < m->kernels.size() ? m->kernels[i].get() : nullptr; }
extern "C" const amdgcn_sim_kernel* amdgcn_sim_find_kernel(const amdgcn_sim_module* m, const char* name) {
  for (auto& k : m->kernels) if (!std::strcmp(k->name, name)) return k.get();
  return nullptr;
}
extern "C" void* amdgcn_sim_symbol(const amdgcn_sim_module* m, const char* name, size_t* size) {
  auto it = m->co->symbols.find(name);
  if (it == m->co->symbols.end() || !it->second.defined) return nullptr;
  if (size) *size = it->second.size;
  return m->co->image + it->second.value;
}
static Kernel& self(const amdgcn_sim_kernel* k) { return *static_cast<Kernel*>(const_cast<amdgcn_sim_kernel*>(k)); }
static void prepare(Kernel& k) {
  std::lock_guard l(k.mutex);
  if (k.info) return;
  built_kernel b = build_kernel(*k.mod->co, *k.meta);
  k.st.translate_seconds += b.seconds; k.counts.assign(b.info->nblocks, 0); k.info = b.info;
}
extern "C" int amdgcn_sim_prepare(const amdgcn_sim_kernel* k, char* err, size_t n) {
  try { prepare(self(k)); return 0; } catch (std::exception& e) { return fail(err, n, e.what()); }
}
extern "C" void amdgcn_sim_get_stats(const amdgcn_sim_kernel* k, amdgcn_sim_stats* s) { std::lock_guard l(self(k).mutex); *s = self(k).st; }
extern "C" void amdgcn_sim_mnemonics(const amdgcn_sim_kernel* kc, void (*f)(void*, const char*, uint64_t), void* user) {
  auto& k = self(kc); std::map<std::string, u64> m;
  { std::lock_guard l(k.mutex);
    if (!k.info) return;
    for (u32 b = 0; b < k.info->nblocks; b++) {
      const char* p = k.info->block_text[b];
      while (*p) { const char* e = std::strchr(p, ' '); char* q; u64 c = std::strtoull(e + 1, &q, 10); m[std::string(p, e)] += c * k.counts[b]; p = *q ? q + 1 : q; }
    } }
  for (auto& [s, c] : m) if (c) f(user, s.c_str(), c);
}

// ---------------------------------------------------------------- a launch
namespace {
struct Mapping {                   // page-aligned memory, zero until touched
  u8* p = nullptr; size_t n = 0;
  void need(size_t m) { if (m <= n) return; drop(); p = (u8*)mmap(nullptr, m, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); if (p == MAP_FAILED) { p = nullptr; throw std::runtime_error("out of memory"); } n = m; }
  void drop() { if (p) munmap(p, n); p = nullptr; n = 0; }
  ~Mapping() { drop(); }
};
struct Launch {
  Kernel& k; const KernelMeta& m; const Descriptor& kd;
  u32 grid[3], block[3], dyn, threads_per_group, nwaves, lds, scratch;
  std::vector<u8> kernarg, packet, grid_sync;
  std::vector<Range> ranges;
  bool race_check; double timeout; Clock::time_point start = Clock::now();
  u64 total; std::atomic<u64> next{0}; std::atomic<bool> stop{false};
  std::mutex mutex; std::string error;

  Launch(Kernel& k, const uint32_t* g, const uint32_t* b, u32 dyn, const void* ka, size_t n) : k(k), m(*k.meta), kd(k.meta->kd), dyn(dyn) {
    for (int i = 0; i < 3; i++) { grid[i] = g[i]; block[i] = b[i]; if (!g[i] || !b[i]) throw std::runtime_error("empty grid or block"); }
    u64 t = u64(b[0]) * b[1] * b[2];
    if (t > m.max_wg) throw std::runtime_error(m.name + ": workgroup of " + std::to_string(t) + " work-items, but the kernel was compiled for at most " + std::to_string(m.max_wg));
    threads_per_group = u32(t); nwaves = (threads_per_group + m.wave - 1) / m.wave;
    lds = kd.lds + dyn; total = u64(g[0]) * g[1] * g[2];
    u32 limit = m.wave == 64 ? (k.mod->co->arch == "gfx950" ? 160 : 64) * 1024 : 64 * 1024;
    if (kd.rsrc1 >> 12 & 15) throw std::runtime_error(m.name + ": rounding modes other than to nearest are not supported");
    if (lds > limit) throw std::runtime_error(m.name + ": " + std::to_string(lds) + " bytes of LDS, the limit is " + std::to_string(limit));
    scratch = kd.scratch + (m.dynamic_stack ? 16384 : 0);
    race_check = !env("AMDGCN_SIM_CHECK").empty() && env("AMDGCN_SIM_CHECK") != "0";
    timeout = std::atof(env("AMDGCN_SIM_TIMEOUT", "0").c_str());
    kernarg.assign(size_t(k.kernarg_size) + 256, 0);
    if (n && ka) std::memcpy(kernarg.data(), ka, std::min<size_t>(n, k.kernarg_size));
    hidden();
    make_packet();
    ranges = alloc_ranges();
    if (!ranges.empty()) {
      auto add = [&](const void* p, size_t s) { ranges.push_back({u64(p), u64(p) + s}); };
      add(kernarg.data(), kernarg.size()); add(packet.data(), packet.size()); add(grid_sync.data(), grid_sync.size()); add(k.mod->co->image, k.mod->co->image_size);
      std::sort(ranges.begin(), ranges.end(), [](auto& a, auto& b) { return a.lo < b.lo; });
    }
  }
  template <class T> void put(const KernelMeta::Arg& a, T v) { if (a.offset + sizeof v <= kernarg.size()) std::memcpy(kernarg.data() + a.offset, &v, sizeof v); }
  void hidden() {
    for (auto& a : m.args) {
      auto is = [&](const char* s) { return a.kind == std::string("hidden_") + s; };
      auto axis = [&] { return a.kind.back() - 'x'; };
      if (a.kind.rfind("hidden_block_count_", 0) == 0) put(a, u32(grid[axis()]));
      else if (a.kind.rfind("hidden_group_size_", 0) == 0) put(a, u16(block[axis()]));
      else if (a.kind.rfind("hidden_remainder_", 0) == 0) put(a, u16(0));
      else if (a.kind.rfind("hidden_global_offset_", 0) == 0) put(a, u64(0));
      else if (is("grid_dims")) put(a, u16(u64(grid[2]) * block[2] > 1 ? 3 : u64(grid[1]) * block[1] > 1 ? 2 : 1));
      else if (is("dynamic_lds_size")) put(a, u32(dyn));
      else if (is("multigrid_sync_arg")) {     // for grid-wide barriers: the barrier's counter at 32, the number of workgroups at 40
        u64 given; std::memcpy(&given, kernarg.data() + a.offset, 8);
        if (given) continue;                   // set by the caller
        grid_sync.assign(64, 0); u32 one = 1, n = u32(total);
        std::memcpy(&grid_sync[12], &one, 4); std::memcpy(&grid_sync[40], &n, 4);
        put(a, u64(grid_sync.data()));
      } else if (is("private_base")) put(a, u32(PRIVATE_APERTURE_HI));
      else if (is("shared_base")) put(a, u32(SHARED_APERTURE_HI));
    }
  }
  void make_packet() {              // the AQL dispatch packet, for kernels that ask for its address
    packet.assign(64, 0);
    auto w = [&](int o, auto v) { std::memcpy(packet.data() + o, &v, sizeof v); };
    w(0, u16(2)); w(2, u16(3)); for (int i = 0; i < 3; i++) { w(4 + 2 * i, u16(block[i])); w(12 + 4 * i, u32(grid[i] * block[i])); }
    w(24, u32(scratch)); w(28, u32(lds)); w(40, u64(kernarg.data()));
  }
};

struct GroupRun {                  // a workgroup in execution
  Launch& L; Group g{}; std::vector<Wave> waves; std::vector<int> state;
  Mapping regs, scratch, shadow; std::vector<u8> lds; u64 rounds = 0;
  std::vector<u64>& counts;
  GroupRun(Launch& L, std::vector<u64>& counts) : L(L), waves(L.nwaves), state(L.nwaves), counts(counts) {
    regs.need(size_t(L.nwaves) * (L.k.info->rows + 4) * L.m.wave * 4);
    if (L.scratch) scratch.need(size_t(L.nwaves) * L.m.wave * L.scratch);
    if (L.race_check && L.lds) shadow.need(size_t(L.lds) * sizeof(LdsShadow));
    lds.resize(L.lds + 64);
  }
  __attribute__((noreturn)) static void on_fail(Wave& w, const char* msg) { throw std::runtime_error(std::string(w.g->kernel) + ": " + msg); }
  void init(u64 id) {
    const auto& L = this->L; const u32 W = L.m.wave;
    g.id[0] = u32(id % L.grid[0]); g.id[1] = u32(id / L.grid[0] % L.grid[1]); g.id[2] = u32(id / L.grid[0] / L.grid[1]);
    g.lds = lds.data(); g.lds_size = L.lds; g.epoch = 1; g.nwaves = L.nwaves; g.kernel = L.k.name; g.fail = on_fail; rounds = 0;
    g.allocs = L.ranges.data(); g.nalloc = L.ranges.size();
    std::memset(lds.data(), 0xEE, lds.size());
    g.shadow = nullptr;
    if (shadow.p) { std::memset(shadow.p, 0, shadow.n); g.shadow = (LdsShadow*)shadow.p; }
    if (scratch.p) std::memset(scratch.p, 0xEE, scratch.n);
    u32* r = (u32*)regs.p; std::fill(r, r + regs.n / 4, POISON);
    for (u32 i = 0; i < L.nwaves; i++) init_wave(waves[i], i, r + size_t(i) * (L.k.info->rows + 4) * W);
    std::fill(state.begin(), state.end(), int(YIELDED));
  }
  void init_wave(Wave& w, u32 index, u32* v) {
    const Descriptor& kd = L.kd; const u32 W = L.m.wave;
    const std::string& arch = L.k.mod->co->arch;
    w.v = v; w.g = &g; w.base = u64(L.k.mod->co->image); w.blocks = counts.data(); w.index = index; w.scc = 0; w.pc = u32(kd.entry);
    w.mode = ((kd.rsrc1 >> 12) & 0xff) | (kd.rsrc1 >> 21 & 1) << 8 | (kd.rsrc1 >> 23 & 1) << 9 | (kd.rsrc1 >> 26 & 1) << 23;
    w.scratch = scratch.p ? scratch.p + size_t(index) * W * L.scratch : nullptr; w.scratch_size = L.scratch;
    for (auto& s : w.s) s = POISON;
    w.nlanes = std::min(W, L.threads_per_group - index * W);
    w.exec = w.nlanes == 64 ? ~u64(0) : (u64(1) << w.nlanes) - 1; w.full = w.nlanes == W;
    for (u32 i = 0; i < 64; i++) w.em[i] = 0u - u32(w.exec >> i & 1);
    // User SGPRs, then system SGPRs, in the order of the ABI.
    u32 n = 0; const u16 p = kd.props;
    auto s64 = [&](u64 x) { w.s[n++] = u32(x); w.s[n++] = u32(x >> 32); };
    if (p & 1) { w.s[n++] = 0; w.s[n++] = 0x80000000u; w.s[n++] = ~0u; w.s[n++] = 1u << 23; }     // swizzled scratch buffer (gfx9)
    if (p & 2) s64(u64(L.packet.data()));
    if (p & 4) s64(0);
    if (p & 8) s64(u64(L.kernarg.data()));
    if (p & 16) s64(0);
    if (p & 32) s64(0);
    if (p & 64) w.s[n++] = L.scratch;
    if (u32 len = kd.preload & 0x7f) { std::memcpy(&w.s[n], L.kernarg.data() + 4 * (kd.preload >> 7), 4 * len); n += len; }
    n = std::max(n, (kd.rsrc2 >> 1) & 31u);
    if (arch.rfind("gfx12", 0) == 0) { w.s[S_TTMP + 9] = g.id[0]; w.s[S_TTMP + 7] = g.id[1] | g.id[2] << 16; w.s[S_TTMP + 8] = index << 25; }
    else for (int d = 0; d < 3; d++) if (kd.rsrc2 >> (7 + d) & 1) w.s[n++] = g.id[d];
    if (kd.rsrc2 >> 10 & 1) w.s[n++] = L.nwaves;
    if (arch == "gfx90a" && (kd.rsrc2 & 1)) w.s[n++] = 0;                                          // scratch wave offset
    w.s[S_FLAT] = 0; w.s[S_FLAT + 1] = PRIVATE_APERTURE_HI;
    for (u32 i = 0; i < w.nlanes; i++) { u32 t = index * W + i; v[i] = t % L.block[0] | (t / L.block[0] % L.block[1]) << 10 | (t / L.block[0] / L.block[1]) << 20; }
  }
  // One slice of every runnable wave. True when the workgroup has ended.
  bool round() {
    rounds++;
    bool running = false;
    for (u32 i = 0; i < L.nwaves; i++) {
      if (state[i] != YIELDED) continue;
      Wave& w = waves[i];
      w.fuel = 20000;
#if defined(__SSE2__)
      bool flush = ((w.mode >> 4) & 3) == 0;
      _mm_setcsr(flush ? 0x9fc0u : 0x1f80u);
#endif
      state[i] = L.k.info->entry(w);
      running |= state[i] == YIELDED;
    }
    if (running) return false;
    bool ended = true;
    for (auto& s : state) if (s == AT_BARRIER) { s = YIELDED; ended = false; }
    g.epoch++;
    if (!ended) rounds = 0;
    return ended;
  }
};

void worker(Launch& L, std::vector<u64>& counts) {
#if defined(__SSE2__)
  unsigned csr = _mm_getcsr();
#endif
  try {
    std::vector<std::unique_ptr<GroupRun>> active, idle;
    bool more = true;
    auto start = [&] {
      u64 id = L.next.fetch_add(1);
      if (id >= L.total) { more = false; return; }
      std::unique_ptr<GroupRun> r;
      if (!idle.empty()) { r = std::move(idle.back()); idle.pop_back(); } else r = std::make_unique<GroupRun>(L, counts);
      r->init(id); active.push_back(std::move(r));
    };
    while (!L.stop) {
      if (active.empty() && more) start();
      if (active.empty()) break;
      bool stuck = true;
      for (size_t i = 0; i < active.size();) {
        if (active[i]->round()) { idle.push_back(std::move(active[i])); active.erase(active.begin() + long(i)); stuck = false; }
        else { stuck &= active[i]->rounds > 64; i++; }
      }
      if (stuck && more && active.size() < 1024) start();     // waiting for a later workgroup, perhaps: make it resident
      else if (stuck) std::this_thread::yield();
      if (L.timeout > 0 && since(L.start) > L.timeout) throw std::runtime_error(L.m.name + ": timeout after " + std::to_string(L.timeout) + " s; first wave at pc 0x" + [&] { char b[20]; std::snprintf(b, 20, "%x", active.empty() ? 0 : active[0]->waves[0].pc); return std::string(b); }());
    }
  } catch (std::exception& e) {
    std::lock_guard l(L.mutex);
    if (L.error.empty()) L.error = e.what();
    L.stop = true;
  }
#if defined(__SSE2__)
  _mm_setcsr(csr);
#endif
}
}  // namespace

extern "C" int amdgcn_sim_launch(const amdgcn_sim_kernel* kc, const uint32_t grid[3], const uint32_t block[3], uint32_t dynamic_lds, const void* kernarg, size_t kernarg_size, char* err, size_t errlen) {
  Kernel& k = self(kc);
  try {
    prepare(k);
    auto t0 = Clock::now();
    Launch L(k, grid, block, dynamic_lds, kernarg, kernarg_size);
    unsigned nt = unsigned(std::atoi(env("AMDGCN_SIM_THREADS", "0").c_str()));
    if (!nt) nt = std::max(1u, std::thread::hardware_concurrency());
    nt = unsigned(std::min<u64>(nt, L.total));
    std::vector<std::vector<u64>> counts(nt, std::vector<u64>(k.info->nblocks));
    std::vector<std::thread> ts;
    for (unsigned i = 1; i < nt; i++) ts.emplace_back([&, i] { worker(L, counts[i]); });
    worker(L, counts[0]);
    for (auto& t : ts) t.join();
    std::lock_guard l(k.mutex);
    k.st.launches++; k.st.workgroups += L.total; k.st.waves += L.total * L.nwaves; k.st.run_seconds += since(t0);
    for (auto& c : counts) for (u32 b = 0; b < k.info->nblocks; b++) { k.counts[b] += c[b]; k.st.instructions += c[b] * k.info->block_insts[b]; }
    if (!L.error.empty()) return fail(err, errlen, L.error);
    return 0;
  } catch (std::exception& e) { return fail(err, errlen, e.what()); }
}
