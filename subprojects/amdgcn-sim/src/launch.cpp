#include "launch.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "tools.h"
#include "workgroup.h"

namespace sim {
Launch::Launch(Kernel& kernel, const uint32_t* grid, const uint32_t* block, u32 dynamic_lds, const void* arguments,
               size_t size)
    : kernel(kernel), meta(*kernel.meta), dynamic_lds(dynamic_lds) {
  set_shape(grid, block);
  scratch = meta.kd.scratch + (meta.dynamic_stack ? 16384 : 0);
  race_check = env("AMDGCN_SIM_CHECK", "0") != "0";
  timeout = std::atof(env("AMDGCN_SIM_TIMEOUT", "0").c_str());
  kernarg.assign(size_t(kernel.kernarg_size) + 256, 0);
  if (size && arguments) std::memcpy(kernarg.data(), arguments, std::min<size_t>(size, kernel.kernarg_size));
  set_hidden_arguments();
  set_packet();
  set_allowed();
}

void Launch::set_shape(const uint32_t* wanted_grid, const uint32_t* wanted_block) {
  const auto refuse = [&](const std::string& why) { throw std::runtime_error(meta.name + ": " + why); };
  for (int i = 0; i < 3; i++) {
    grid[i] = wanted_grid[i];
    block[i] = wanted_block[i];
    if (!grid[i] || !block[i]) refuse("empty grid or block");
  }
  const u64 threads = u64(block[0]) * block[1] * block[2];
  if (threads > meta.max_wg)
    refuse("workgroup of " + std::to_string(threads) + " work-items, but the kernel was compiled for at most " +
           std::to_string(meta.max_wg));
  threads_per_group = u32(threads);
  waves_per_group = (threads_per_group + meta.wave - 1) / meta.wave;
  groups = u64(grid[0]) * grid[1] * grid[2];
  lds = meta.kd.lds + dynamic_lds;
  const u32 limit = (kernel.module->code_object->arch == "gfx950" ? 160 : 64) * 1024;
  if (lds > limit) refuse(std::to_string(lds) + " bytes of LDS, the limit is " + std::to_string(limit));
  if (meta.kd.rsrc1 >> 12 & 15) refuse("rounding modes other than to nearest are not supported");
}

template <class T> void Launch::put(const KernelMeta::Arg& argument, T value) {
  if (argument.offset + sizeof value <= kernarg.size())
    std::memcpy(kernarg.data() + argument.offset, &value, sizeof value);
}

void Launch::set_hidden_arguments() {
  for (const KernelMeta::Arg& argument : meta.args)
    if (argument.kind.rfind("hidden_", 0) == 0) set_hidden_argument(argument);
}

// Those that are not named here keep the bytes that the caller has put there.
void Launch::set_hidden_argument(const KernelMeta::Arg& argument) {
  const std::string kind = argument.kind.substr(7);
  const auto of_axis = [&](const char* name) { return kind.rfind(name, 0) == 0; };
  const int axis = kind.back() - 'x';
  if (of_axis("block_count_")) return put(argument, grid[axis]);
  if (of_axis("group_size_")) return put(argument, u16(block[axis]));
  if (of_axis("remainder_")) return put(argument, u16(0));
  if (of_axis("global_offset_")) return put(argument, u64(0));
  if (kind == "grid_dims")
    return put(argument, u16(u64(grid[2]) * block[2] > 1 ? 3 : u64(grid[1]) * block[1] > 1 ? 2 : 1));
  if (kind == "dynamic_lds_size") return put(argument, dynamic_lds);
  if (kind == "private_base") return put(argument, PRIVATE_APERTURE_HI);
  if (kind == "shared_base") return put(argument, SHARED_APERTURE_HI);
  if (kind != "multigrid_sync_arg") return;
  u64 given;
  std::memcpy(&given, kernarg.data() + argument.offset, 8);
  if (given) return;
  // For barriers of the whole grid: the number of grids at 12, the barrier's counter at 32, the workgroups at 40.
  grid_sync.assign(64, 0);
  const u32 one = 1, count = u32(groups);
  std::memcpy(&grid_sync[12], &one, 4);
  std::memcpy(&grid_sync[40], &count, 4);
  put(argument, u64(grid_sync.data()));
}

// The AQL dispatch packet, for kernels that ask for its address.
void Launch::set_packet() {
  packet.assign(64, 0);
  const auto at = [&](int offset, auto value) { std::memcpy(packet.data() + offset, &value, sizeof value); };
  at(0, u16(2));
  at(2, u16(3));
  for (int i = 0; i < 3; i++) {
    at(4 + 2 * i, u16(block[i]));
    at(12 + 4 * i, u32(grid[i] * block[i]));
  }
  at(24, scratch);
  at(28, lds);
  at(40, u64(kernarg.data()));
}

void Launch::set_allowed() {
  allowed = registered_allocations();
  if (allowed.empty()) return;
  const auto add = [&](const void* p, size_t size) { allowed.push_back({u64(p), u64(p) + size}); };
  add(kernarg.data(), kernarg.size());
  add(packet.data(), packet.size());
  add(grid_sync.data(), grid_sync.size());
  add(kernel.module->code_object->image, kernel.module->code_object->image_size);
  std::sort(allowed.begin(), allowed.end(), [](const Range& a, const Range& b) { return a.lo < b.lo; });
}

void Launch::run() {
  unsigned threads = unsigned(std::atoi(env("AMDGCN_SIM_THREADS", "0").c_str()));
  if (!threads) threads = std::max(1u, std::thread::hardware_concurrency());
  threads = unsigned(std::min<u64>(threads, groups));
  const KernelInfo& info = *kernel.info;
  std::vector<std::vector<u64>> counts(threads, std::vector<u64>(info.nblocks));
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; i++) others.emplace_back([&, i] { work(counts[i]); });
  work(counts[0]);
  for (std::thread& thread : others) thread.join();

  std::lock_guard lock(kernel.mutex);
  kernel.stats.launches++;
  kernel.stats.workgroups += groups;
  kernel.stats.waves += groups * waves_per_group;
  kernel.stats.run_seconds += seconds();
  for (const std::vector<u64>& of_thread : counts) {
    for (u32 b = 0; b < info.nblocks; b++) {
      kernel.counts[b] += of_thread[b];
      kernel.stats.instructions += of_thread[b] * info.block_insts[b];
    }
  }
}

void Launch::work(std::vector<u64>& counts) {
#if defined(__SSE2__)
  const unsigned float_state = _mm_getcsr();
#endif
  try {
    run_groups(counts);
  } catch (const std::exception& failure) {
    std::lock_guard lock(error_mutex);
    if (error.empty()) error = failure.what();
    stop = true;
  }
#if defined(__SSE2__)
  _mm_setcsr(float_state);
#endif
}

// Runs workgroups until none is left. One that waits for a later workgroup would wait for ever, so when all that the
// thread holds only wait, it makes another one resident.
void Launch::run_groups(std::vector<u64>& counts) {
  constexpr u64 waiting_rounds = 64;
  constexpr size_t most_resident = 1024;
  std::vector<std::unique_ptr<Workgroup>> active, idle;
  bool more = true;
  const auto make_resident = [&] {
    const u64 id = next.fetch_add(1);
    more = id < groups;
    if (!more) return;
    if (idle.empty()) idle.push_back(std::make_unique<Workgroup>(*this, counts));
    idle.back()->reset(id);
    active.push_back(std::move(idle.back()));
    idle.pop_back();
  };
  while (!stop) {
    if (active.empty() && more) make_resident();
    if (active.empty()) return;
    bool stuck = true;
    for (size_t i = 0; i < active.size();) {
      if (active[i]->run_slice()) {
        idle.push_back(std::move(active[i]));
        active.erase(active.begin() + std::ptrdiff_t(i));
        stuck = false;
      } else {
        stuck = stuck && active[i]->rounds > waiting_rounds;
        ++i;
      }
    }
    if (stuck && more && active.size() < most_resident)
      make_resident();
    else if (stuck)
      std::this_thread::yield();
    if (timeout > 0 && seconds() > timeout)
      throw std::runtime_error(meta.name + ": timeout after " + std::to_string(timeout) + " s; first wave at pc " +
                               hex(active.empty() ? 0 : active[0]->waves[0].pc));
  }
}
}  // namespace sim
