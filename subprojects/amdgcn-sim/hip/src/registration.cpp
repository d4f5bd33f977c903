// What the constructors and launches that clang generates call: the code objects of the program itself.
#include "devices.hpp"
#include "errors.hpp"
#include "memory.hpp"
#include "module.hpp"
#include "options.hpp"

namespace hip_sim {
namespace {

struct managed_variable {
  void** pointer;  ///< through which the host uses it
  std::string name;
};

struct fat_binary {
  image code;
  std::map<int, std::unique_ptr<ihipModule_t>> loaded;  ///< by device
  std::vector<managed_variable> managed;
};

struct registered_name {
  fat_binary* binary;
  std::string name;
};

struct registry_state {
  std::set<fat_binary*> binaries;
  std::unordered_map<const void*, registered_name> kernels, variables;  ///< by the address of the host's own
};

registry_state& registry() {
  static auto* state = new registry_state;  // outlives static destructors of the program
  return *state;
}

hipError_t load_on(fat_binary& binary, int device, ihipModule_t** out) {
  std::unique_ptr<ihipModule_t>& loaded = binary.loaded[device];
  if (loaded == nullptr) {
    std::string why_not;
    if (const hipError_t error = load_module(binary.code, device, loaded, why_not)) {
      report("cannot load this program's code object: %s", why_not.c_str());
      return error;
    }
    for (const managed_variable& managed : binary.managed) {
      void* slot = nullptr;
      if (loaded->find_variable(managed.name.c_str(), &slot, nullptr) != hipSuccess) continue;
      std::memcpy(slot, managed.pointer, sizeof *managed.pointer);
    }
  }
  *out = loaded.get();
  return hipSuccess;
}

// What clang wraps around an offload bundle.
struct binary_wrapper {
  uint32_t magic, version;
  const void* bundle;
  void* unused;
};
constexpr uint32_t wrapper_magic = 0x48495046;

struct call_configuration {
  dim3 grid, block;
  size_t lds;
  hipStream_t stream;
};
thread_local std::vector<call_configuration> pushed_calls;

}  // namespace

hipError_t kernel_of_stub(const void* stub, int device, ihipModuleSymbol_t** out) {
  const lock guard;
  const auto found = registry().kernels.find(stub);
  if (found == registry().kernels.end()) return hipErrorInvalidDeviceFunction;
  ihipModule_t* module = nullptr;
  if (const hipError_t error = load_on(*found->second.binary, device, &module)) return error;
  if (module->find_kernel(found->second.name.c_str(), out) != hipSuccess) return hipErrorInvalidDeviceFunction;
  (*out)->stub = stub;
  return hipSuccess;
}

hipError_t variable_of_host(const void* variable, int device, void** address, size_t* size) {
  const lock guard;
  const auto found = registry().variables.find(variable);
  if (found == registry().variables.end()) return hipErrorInvalidSymbol;
  ihipModule_t* module = nullptr;
  if (const hipError_t error = load_on(*found->second.binary, device, &module)) return error;
  return module->find_variable(found->second.name.c_str(), address, size) != hipSuccess ? hipErrorInvalidSymbol
                                                                                        : hipSuccess;
}

void unload_device_modules(int device) {
  const lock guard;
  for (fat_binary* binary : registry().binaries) binary->loaded.erase(device);
}

}  // namespace hip_sim

using namespace hip_sim;

HIP_SIM_API void** __hipRegisterFatBinary(const void* data) {
  const lock guard;
  const auto* wrapper = static_cast<const binary_wrapper*>(data);
  auto* binary = new fat_binary;
  std::string why_not = "unknown form";
  if (wrapper->magic != wrapper_magic || wrapper->version != 1 ||
      read_image(wrapper->bundle, 0, binary->code, why_not) != hipSuccess) {
    report("cannot read a fat binary of this program: %s", why_not.c_str());
  }
  // The device's properties are asked for before the first kernel is launched.
  if (!binary->code.objects.empty()) suggest_processor(binary->code.objects.front().target);
  registry().binaries.insert(binary);
  return reinterpret_cast<void**>(binary);
}

HIP_SIM_API void __hipUnregisterFatBinary(void** handle) {
  const lock guard;
  auto* binary = reinterpret_cast<fat_binary*>(handle);
  const auto is_of_binary = [&](const auto& entry) { return entry.second.binary == binary; };
  std::erase_if(registry().kernels, is_of_binary);
  std::erase_if(registry().variables, is_of_binary);
  registry().binaries.erase(binary);
  delete binary;
}

HIP_SIM_API void __hipRegisterFunction(void** handle, const void* stub, char*, const char* name, unsigned, void*, void*,
                                       void*, void*, int*) {
  const lock guard;
  registry().kernels[stub] = {reinterpret_cast<fat_binary*>(handle), name};
}

HIP_SIM_API void __hipRegisterVar(void** handle, void* variable, char*, char* name, int, size_t, int, int) {
  const lock guard;
  registry().variables[variable] = {reinterpret_cast<fat_binary*>(handle), name};
}

// The host may use the variable from main() on, without any call before.
HIP_SIM_API void __hipRegisterManagedVar(void** handle, void** pointer, void* initial, const char* name, size_t size,
                                         unsigned) {
  const lock guard;
  if (allocate(pointer, size, memory_kind::managed, 0) != hipSuccess) {
    return report("no memory for the managed variable %s", name);
  }
  if (initial != nullptr) std::memcpy(*pointer, initial, size);
  if (initial == nullptr) std::memset(*pointer, 0, size);
  auto* binary = reinterpret_cast<fat_binary*>(handle);
  binary->managed.push_back({pointer, name});
  registry().variables[pointer] = {binary, name};
}

HIP_SIM_API hipError_t __hipPushCallConfiguration(dim3 grid, dim3 block, size_t lds, hipStream_t stream) {
  pushed_calls.push_back({grid, block, lds, stream});
  return hipSuccess;
}

HIP_SIM_API hipError_t __hipPopCallConfiguration(dim3* grid, dim3* block, size_t* lds, hipStream_t* stream) {
  if (pushed_calls.empty()) return remember(hipErrorMissingConfiguration);
  const call_configuration call = pushed_calls.back();
  pushed_calls.pop_back();
  *grid = call.grid;
  *block = call.block;
  *lds = call.lds;
  *stream = call.stream;
  return hipSuccess;
}
