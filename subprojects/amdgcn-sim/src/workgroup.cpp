#include "workgroup.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace sim {
namespace {
constexpr int unwritten_byte = 0xee;       // of LDS and scratch
constexpr u32 spare_rows = 4;              // an operand of several registers may reach behind the last one
constexpr i64 branches_per_slice = 20000;  // backward ones

__attribute__((noreturn)) void on_fail(Wave& wave, const char* message) {
  throw std::runtime_error(std::string(wave.g->kernel) + ": " + message);
}

// MODE as the descriptor asks for it: rounding and denormals, DX10_CLAMP, IEEE, FP16_OVFL.
u32 initial_mode(const Descriptor& kd) {
  return ((kd.rsrc1 >> 12) & 0xff) | (kd.rsrc1 >> 21 & 1) << 8 | (kd.rsrc1 >> 23 & 1) << 9 | (kd.rsrc1 >> 26 & 1) << 23;
}
}  // namespace

Mapping::~Mapping() {
  if (start) munmap(start, length);
}

void Mapping::allocate(size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("out of memory");
  start = static_cast<u8*>(memory);
  length = size;
}

Workgroup::Workgroup(const Launch& launch, std::vector<u64>& counts)
    : waves(launch.waves_per_group), launch(launch), counts(counts), state(launch.waves_per_group) {
  const u32 width = launch.meta.wave;
  words_per_wave = size_t(launch.kernel.info->rows + spare_rows) * width;
  registers.allocate(launch.waves_per_group * words_per_wave * sizeof(u32));
  if (launch.scratch) scratch.allocate(size_t(launch.waves_per_group) * width * launch.scratch);
  if (launch.race_check && launch.lds) shadow.allocate(size_t(launch.lds) * sizeof(LdsShadow));
  lds.resize(launch.lds + 64);
}

void Workgroup::reset(u64 number) {
  group.id[0] = u32(number % launch.grid[0]);
  group.id[1] = u32(number / launch.grid[0] % launch.grid[1]);
  group.id[2] = u32(number / launch.grid[0] / launch.grid[1]);
  group.lds = lds.data();
  group.lds_size = launch.lds;
  group.epoch = 1;
  group.nwaves = launch.waves_per_group;
  group.kernel = launch.kernel.name;
  group.fail = on_fail;
  group.allocs = launch.allowed.data();
  group.nalloc = launch.allowed.size();
  group.shadow = reinterpret_cast<LdsShadow*>(shadow.data());
  rounds = 0;
  std::memset(lds.data(), unwritten_byte, lds.size());
  if (shadow.data()) std::memset(shadow.data(), 0, shadow.size());
  if (scratch.data()) std::memset(scratch.data(), unwritten_byte, scratch.size());
  std::fill_n(reinterpret_cast<u32*>(registers.data()), registers.size() / sizeof(u32), POISON);
  for (u32 i = 0; i < launch.waves_per_group; i++) reset_wave(waves[i], i);
  std::fill(state.begin(), state.end(), int(YIELDED));
}

void Workgroup::reset_wave(Wave& wave, u32 index) {
  const Descriptor& kd = launch.meta.kd;
  const u32 width = launch.meta.wave;
  wave.v = reinterpret_cast<u32*>(registers.data()) + index * words_per_wave;
  wave.g = &group;
  wave.base = u64(launch.kernel.module->code_object->image);
  wave.blocks = counts.data();
  wave.index = index;
  wave.scc = 0;
  wave.pc = u32(kd.entry);
  wave.mode = initial_mode(kd);
  wave.scratch = scratch.data() ? scratch.data() + size_t(index) * width * launch.scratch : nullptr;
  wave.scratch_size = launch.scratch;
  wave.nlanes = std::min(width, launch.threads_per_group - index * width);
  wave.exec = wave.nlanes == 64 ? ~u64(0) : (u64(1) << wave.nlanes) - 1;
  wave.full = wave.nlanes == width;
  for (u32 i = 0; i < 64; i++) wave.em[i] = 0u - u32(wave.exec >> i & 1);
  set_scalar_registers(wave);
  set_work_item_ids(wave);
}

// User SGPRs, then system SGPRs, as far as the descriptor asks for them, in the order of the ABI.
void Workgroup::set_scalar_registers(Wave& wave) {
  const Descriptor& kd = launch.meta.kd;
  const std::string& arch = launch.kernel.module->code_object->arch;
  u32 n = 0;
  const auto push = [&](u32 x) { wave.s[n++] = x; };
  const auto push64 = [&](u64 x) {
    push(u32(x));
    push(u32(x >> 32));
  };
  for (u32& s : wave.s) s = POISON;
  if (kd.props & 1)  // the swizzled buffer of scratch (gfx9)
    for (const u32 x : {0u, 0x80000000u, ~0u, 1u << 23}) push(x);
  if (kd.props & 2) push64(u64(launch.packet.data()));
  if (kd.props & 4) push64(0);  // queue
  if (kd.props & 8) push64(u64(launch.kernarg.data()));
  if (kd.props & 16) push64(0);  // dispatch id
  if (kd.props & 32) push64(0);  // flat scratch
  if (kd.props & 64) push(launch.scratch);
  if (const u32 length = kd.preload & 0x7f) {
    std::memcpy(&wave.s[n], launch.kernarg.data() + 4 * (kd.preload >> 7), 4 * length);
    n += length;
  }
  n = std::max(n, (kd.rsrc2 >> 1) & 31u);
  if (arch.rfind("gfx12", 0) == 0) {
    wave.s[S_TTMP + 9] = group.id[0];
    wave.s[S_TTMP + 7] = group.id[1] | group.id[2] << 16;
    wave.s[S_TTMP + 8] = wave.index << 25;
  } else {
    for (int axis = 0; axis < 3; axis++)
      if (kd.rsrc2 >> (7 + axis) & 1) push(group.id[axis]);
  }
  if (kd.rsrc2 >> 10 & 1) push(launch.waves_per_group);
  if (arch == "gfx90a" && (kd.rsrc2 & 1)) push(0);  // scratch offset of the wave
  wave.s[S_FLAT] = 0;
  wave.s[S_FLAT + 1] = PRIVATE_APERTURE_HI;
}

// Ten bits each for x, y and z in v0.
void Workgroup::set_work_item_ids(Wave& wave) {
  const u32* block = launch.block;
  for (u32 lane = 0; lane < wave.nlanes; lane++) {
    const u32 id = wave.index * launch.meta.wave + lane;
    wave.v[lane] = id % block[0] | (id / block[0] % block[1]) << 10 | (id / block[0] / block[1]) << 20;
  }
}

bool Workgroup::run_slice() {
  rounds++;
  bool running = false;
  for (u32 i = 0; i < launch.waves_per_group; i++) {
    if (state[i] != YIELDED) continue;
    waves[i].fuel = branches_per_slice;
#if defined(__SSE2__)
    const bool flush_denormals = ((waves[i].mode >> 4) & 3) == 0;
    _mm_setcsr(flush_denormals ? 0x9fc0u : 0x1f80u);
#endif
    state[i] = launch.kernel.info->entry(waves[i]);
    running = running || state[i] == YIELDED;
  }
  if (running) return false;
  bool ended = true;
  for (int& s : state) {
    if (s != AT_BARRIER) continue;
    s = YIELDED;
    ended = false;
  }
  group.epoch++;
  if (!ended) rounds = 0;
  return ended;
}
}  // namespace sim
