// The C ABI: modules, kernels, registered allocations, statistics.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <shared_mutex>
#include <stdexcept>

#include "../amdgcn_sim.h"
#include "build.h"
#include "kernel.h"
#include "launch.h"
#include "tools.h"

using namespace sim;

namespace {
int fail(char* err, size_t size, const std::string& message) {
  if (err && size) std::snprintf(err, size, "%s", message.c_str());
  return 1;
}

Kernel& self(const amdgcn_sim_kernel* kernel) { return *static_cast<Kernel*>(const_cast<amdgcn_sim_kernel*>(kernel)); }

bool statistics_wanted() {
  static const bool wanted = !env("AMDGCN_SIM_STATS").empty();
  return wanted;
}

void print_statistics(Kernel& kernel) {
  const amdgcn_sim_stats& stats = kernel.stats;
  if (!stats.launches) return;
  const double millions = double(stats.instructions) / 1e6;
  std::fprintf(stderr,
               "amdgcn-sim: %s: %llu launches, %llu workgroups, %.3f M wave instructions, translate %.2f s, "
               "run %.3f s (%.1f M/s)\n",
               kernel.name, static_cast<unsigned long long>(stats.launches),
               static_cast<unsigned long long>(stats.workgroups), millions, stats.translate_seconds, stats.run_seconds,
               millions / std::max(stats.run_seconds, 1e-9));
  std::vector<std::pair<u64, std::string>> by_count;
  for (const auto& [mnemonic, count] : kernel.mnemonics()) by_count.push_back({count, mnemonic});
  std::sort(by_count.rbegin(), by_count.rend());
  for (const auto& [count, mnemonic] : by_count)
    std::fprintf(stderr, "  %12llu %s\n", static_cast<unsigned long long>(count), mnemonic.c_str());
}

// Statistics are printed when a module is unloaded or at exit.
struct Registry {
  std::mutex mutex;
  std::vector<amdgcn_sim_module*> modules;
  ~Registry() {
    if (!statistics_wanted()) return;
    for (const auto* module : modules)
      for (const auto& kernel : module->kernels) print_statistics(*kernel);
  }
} registry;

std::shared_mutex allocations_mutex;
std::map<u64, u64> allocations;

bool is_hidden(const KernelMeta::Arg& argument) { return argument.kind.rfind("hidden_", 0) == 0; }

std::unique_ptr<Kernel> make_kernel(amdgcn_sim_module* module, const KernelMeta& meta) {
  auto kernel = std::make_unique<Kernel>();
  kernel->module = module;
  kernel->meta = &meta;
  kernel->name = meta.name.c_str();
  kernel->kernarg_size = std::max(meta.kernarg, meta.kd.kernarg);
  kernel->lds_size = meta.kd.lds;
  kernel->private_size = meta.kd.scratch;
  kernel->wave_size = meta.wave;
  kernel->vgpr_count = meta.vgpr;
  kernel->agpr_count = meta.agpr;
  kernel->sgpr_count = meta.sgpr;
  kernel->max_workgroup_size = meta.max_wg;
  kernel->uses_dynamic_stack = meta.dynamic_stack;
  for (const bool hidden : {false, true}) {
    for (const KernelMeta::Arg& argument : meta.args) {
      if (is_hidden(argument) != hidden) continue;
      kernel->arg_list.push_back({argument.name.c_str(), argument.kind.c_str(), argument.offset, argument.size});
      if (!hidden) kernel->explicit_size = std::max(kernel->explicit_size, argument.offset + argument.size);
    }
  }
  kernel->args = kernel->arg_list.data();
  kernel->nargs = u32(kernel->arg_list.size());
  return kernel;
}
}  // namespace

std::vector<Range> sim::registered_allocations() {
  std::shared_lock lock(allocations_mutex);
  std::vector<Range> ranges;
  for (const auto& [start, size] : allocations) ranges.push_back({start, start + size});
  return ranges;
}

void Kernel::prepare() {
  std::lock_guard lock(mutex);
  if (info) return;
  const built_kernel built = build_kernel(*module->code_object, *meta);
  stats.translate_seconds += built.seconds;
  counts.assign(built.info->nblocks, 0);
  info = built.info;
}

std::map<std::string, u64> Kernel::mnemonics() {
  std::lock_guard lock(mutex);
  std::map<std::string, u64> result;
  for (u32 block = 0; info && block < info->nblocks; block++) {
    const std::vector<std::string> text = words(info->block_text[block]);  // mnemonic, count, mnemonic, count, ...
    for (size_t i = 0; counts[block] && i + 1 < text.size(); i += 2)
      result[text[i]] += std::stoull(text[i + 1]) * counts[block];
  }
  return result;
}

extern "C" {
void amdgcn_sim_register_alloc(const void* p, size_t n) {
  std::unique_lock lock(allocations_mutex);
  allocations[u64(p)] = n;
}

void amdgcn_sim_unregister_alloc(const void* p) {
  std::unique_lock lock(allocations_mutex);
  allocations.erase(u64(p));
}

amdgcn_sim_module* amdgcn_sim_load(const void* elf, size_t n, char* err, size_t errlen) {
  try {
    auto module = std::make_unique<amdgcn_sim_module>();
    module->code_object = std::make_unique<CodeObject>(elf, n);
    for (const KernelMeta& meta : module->code_object->kernels)
      module->kernels.push_back(make_kernel(module.get(), meta));
    std::lock_guard lock(registry.mutex);
    registry.modules.push_back(module.get());
    return module.release();
  } catch (const std::exception& error) {
    fail(err, errlen, error.what());
    return nullptr;
  }
}

void amdgcn_sim_unload(amdgcn_sim_module* module) {
  if (!module) return;
  {
    std::lock_guard lock(registry.mutex);
    std::erase(registry.modules, module);
  }
  if (statistics_wanted())
    for (const auto& kernel : module->kernels) print_statistics(*kernel);
  delete module;
}

const char* amdgcn_sim_arch(const amdgcn_sim_module* module) { return module->code_object->arch.c_str(); }

uint32_t amdgcn_sim_kernel_count(const amdgcn_sim_module* module) { return u32(module->kernels.size()); }

const amdgcn_sim_kernel* amdgcn_sim_kernel_at(const amdgcn_sim_module* module, uint32_t index) {
  return index < module->kernels.size() ? module->kernels[index].get() : nullptr;
}

const amdgcn_sim_kernel* amdgcn_sim_find_kernel(const amdgcn_sim_module* module, const char* name) {
  for (const auto& kernel : module->kernels)
    if (!std::strcmp(kernel->name, name)) return kernel.get();
  return nullptr;
}

void* amdgcn_sim_symbol(const amdgcn_sim_module* module, const char* name, size_t* size) {
  const CodeObject& object = *module->code_object;
  const auto it = object.symbols.find(name);
  if (it == object.symbols.end() || !it->second.defined) return nullptr;
  if (size) *size = it->second.size;
  return object.image + it->second.value;
}

int amdgcn_sim_prepare(const amdgcn_sim_kernel* kernel, char* err, size_t n) {
  try {
    self(kernel).prepare();
    return 0;
  } catch (const std::exception& error) {
    return fail(err, n, error.what());
  }
}

void amdgcn_sim_get_stats(const amdgcn_sim_kernel* kernel, amdgcn_sim_stats* stats) {
  std::lock_guard lock(self(kernel).mutex);
  *stats = self(kernel).stats;
}

void amdgcn_sim_mnemonics(const amdgcn_sim_kernel* kernel, void (*f)(void* user, const char*, uint64_t), void* user) {
  for (const auto& [mnemonic, count] : self(kernel).mnemonics()) f(user, mnemonic.c_str(), count);
}

int amdgcn_sim_launch(const amdgcn_sim_kernel* kernel, const uint32_t grid[3], const uint32_t block[3],
                      uint32_t dynamic_lds, const void* kernarg, size_t kernarg_size, char* err, size_t errlen) {
  try {
    self(kernel).prepare();
    Launch launch(self(kernel), grid, block, dynamic_lds, kernarg, kernarg_size);
    launch.run();
    return launch.error.empty() ? 0 : fail(err, errlen, launch.error);
  } catch (const std::exception& error) {
    return fail(err, errlen, error.what());
  }
}
}  // extern "C"
