// One launch of a kernel: its arguments, and the threads that run its workgroups.
#pragma once
#include <atomic>
#include <chrono>

#include "kernel.h"

namespace sim {
struct Launch {
  Kernel& kernel;
  const KernelMeta& meta;
  u32 grid[3], block[3], dynamic_lds;
  u32 threads_per_group, waves_per_group;
  u32 lds, scratch;  // bytes per workgroup, bytes per lane
  std::vector<u8> kernarg, packet, grid_sync;
  std::vector<Range> allowed;  // where global accesses may go; empty: anywhere
  bool race_check;
  u64 groups;
  std::string error;  // of the first workgroup that failed

  /// Throws std::runtime_error where the kernel cannot be launched so.
  Launch(Kernel& kernel, const uint32_t* grid, const uint32_t* block, u32 dynamic_lds, const void* arguments,
         size_t size);
  void run();

 private:
  using clock = std::chrono::steady_clock;
  double timeout;
  clock::time_point start = clock::now();
  std::atomic<u64> next{0};
  std::atomic<bool> stop{false};
  std::mutex error_mutex;

  void set_shape(const uint32_t* grid, const uint32_t* block);
  void set_hidden_arguments();
  void set_hidden_argument(const KernelMeta::Arg& argument);
  void set_packet();
  void set_allowed();
  template <class T> void put(const KernelMeta::Arg& argument, T value);
  void work(std::vector<u64>& counts);
  void run_groups(std::vector<u64>& counts);
  double seconds() const { return std::chrono::duration<double>(clock::now() - start).count(); }
};
}  // namespace sim
