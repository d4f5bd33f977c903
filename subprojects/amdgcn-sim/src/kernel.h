// A loaded module and its kernels, behind the handles of the C ABI.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../rt/wave.h"
#include "code_object.h"

struct amdgcn_sim_module;

namespace sim {
struct Kernel : amdgcn_sim_kernel {
  amdgcn_sim_module* module;
  const KernelMeta* meta;
  std::vector<amdgcn_sim_arg> arg_list;
  std::mutex mutex;                  // of what follows
  const KernelInfo* info = nullptr;  // null until it is translated
  std::vector<u64> counts;           // executions of each basic block
  amdgcn_sim_stats stats{};

  /// Translates the kernel unless that is done. Throws std::runtime_error.
  void prepare();
  /// Executions of each mnemonic.
  std::map<std::string, u64> mnemonics();
};

/// The allocations that amdgcn_sim_register_alloc() knows, sorted by address.
std::vector<Range> registered_allocations();
}  // namespace sim

struct amdgcn_sim_module {
  std::unique_ptr<sim::CodeObject> code_object;
  std::vector<std::unique_ptr<sim::Kernel>> kernels;
};
