#include "module.hpp"

#include <cxxabi.h>

#include "devices.hpp"
#include "errors.hpp"
#include "memory.hpp"
#include "options.hpp"
#include "stream.hpp"

namespace hip_sim {
namespace {

std::string readable(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 && text != nullptr ? text : name;
  std::free(text);
  return result;
}

std::set<hipModule_t>& modules_of_program() {
  static auto* modules = new std::set<hipModule_t>;
  return *modules;
}

}  // namespace

hipError_t load_module(const image& from, int device, std::unique_ptr<ihipModule_t>& out, std::string& why_not) {
  // With one allocation registered the executor checks every access, even before the first hipMalloc.
  static const char anchor[64] = {};
  static const bool once = (amdgcn_sim_register_alloc(anchor, sizeof anchor), true);
  (void)once;
  const code_object* object = choose(from, why_not);
  if (object == nullptr) return hipErrorNoBinaryForGpu;
  char message[1024] = "";
  amdgcn_sim_module* loaded = amdgcn_sim_load(object->data, object->size, message, sizeof message);
  if (loaded == nullptr) return why_not = message, hipErrorSharedObjectInitFailed;
  const std::string made_for = amdgcn_sim_arch(loaded);
  suggest_processor(made_for);
  if (made_for != simulated_processor().name) {
    amdgcn_sim_unload(loaded);
    why_not = "it is for " + made_for + ", and the devices are " + simulated_processor().name;
    return hipErrorNoBinaryForGpu;
  }
  out = std::make_unique<ihipModule_t>(loaded, device);
  out->source = from;
  return hipSuccess;
}

}  // namespace hip_sim

using namespace hip_sim;

ihipModule_t::~ihipModule_t() {
  for (void* variable : variables) remove_foreign_memory(variable, memory_kind::variable);
  amdgcn_sim_unload(code);
}

hipError_t ihipModule_t::find_kernel(const char* name, ihipModuleSymbol_t** out) {
  const lock guard;
  auto found = kernels.find(name);
  if (found == kernels.end()) {
    auto made = std::make_unique<ihipModuleSymbol_t>();
    made->kernel = amdgcn_sim_find_kernel(code, name);
    if (made->kernel == nullptr) return hipErrorNotFound;
    made->readable_name = readable(name);
    for (uint32_t i = 0; i < made->kernel->nargs; ++i) {
      const amdgcn_sim_arg& argument = made->kernel->args[i];
      const std::string kind = argument.value_kind;
      if (!kind.starts_with("hidden_")) made->arguments.push_back(&argument);
      if (kind == "hidden_hostcall_buffer") made->hostcall_offset = static_cast<int>(argument.offset);
    }
    found = kernels.emplace(name, std::move(made)).first;
  }
  *out = found->second.get();
  return hipSuccess;
}

hipError_t ihipModule_t::find_variable(const char* name, void** address, size_t* size) {
  size_t bytes = 0;
  void* found = amdgcn_sim_symbol(code, name, &bytes);
  if (found == nullptr) return hipErrorNotFound;
  const lock guard;
  if (variables.insert(found).second) add_foreign_memory(found, bytes, memory_kind::variable, device);
  if (address != nullptr) *address = found;
  if (size != nullptr) *size = bytes;
  return hipSuccess;
}

static hipError_t load(hipModule_t* out, image& from) {
  if (const hipError_t error = capture_forbids_unsafe()) return error;
  const lock guard;
  std::unique_ptr<ihipModule_t> loaded;
  std::string why_not;
  if (const hipError_t error = load_module(from, current_device(), loaded, why_not)) {
    report("hipModuleLoad: %s", why_not.c_str());
    return error;
  }
  *out = loaded.release();
  modules_of_program().insert(*out);
  return hipSuccess;
}

HIP_SIM_API hipError_t hipModuleLoadData(hipModule_t* out, const void* data) {
  if (out == nullptr || data == nullptr) return remember(hipErrorInvalidValue);
  image from;
  std::string why_not;
  if (const hipError_t error = read_image(data, 0, from, why_not)) {
    report("hipModuleLoadData: %s", why_not.c_str());
    return remember(error);
  }
  return remember(load(out, from));
}
HIP_SIM_API hipError_t hipModuleLoadDataEx(hipModule_t* out, const void* data, unsigned, hipJitOption*, void**) {
  return hipModuleLoadData(out, data);
}

HIP_SIM_API hipError_t hipModuleLoad(hipModule_t* out, const char* path) {
  if (out == nullptr || path == nullptr) return remember(hipErrorInvalidValue);
  FILE* file = std::fopen(path, "rb");
  if (file == nullptr) return remember(hipErrorFileNotFound);
  auto bytes = std::make_shared<std::vector<char>>();
  char part[65536];
  for (size_t n; (n = std::fread(part, 1, sizeof part, file)) > 0;) bytes->insert(bytes->end(), part, part + n);
  std::fclose(file);
  image from;
  from.storage.push_back(bytes);
  std::string why_not;
  if (bytes->empty()) return remember(hipErrorInvalidImage);
  if (const hipError_t error = read_image(bytes->data(), bytes->size(), from, why_not)) {
    report("hipModuleLoad: %s: %s", path, why_not.c_str());
    return remember(error);
  }
  return remember(load(out, from));
}

HIP_SIM_API hipError_t hipModuleUnload(hipModule_t module) {
  HIP_SIM_TRY(finish_all());
  const lock guard;
  if (modules_of_program().erase(module) == 0) return remember(hipErrorInvalidHandle);
  delete module;
  return hipSuccess;
}

HIP_SIM_API hipError_t hipModuleGetFunction(hipFunction_t* out, hipModule_t module, const char* name) {
  const lock guard;
  if (out == nullptr || name == nullptr || *name == '\0') return remember(hipErrorInvalidValue);
  if (!modules_of_program().contains(module)) return remember(hipErrorInvalidHandle);
  return remember(module->find_kernel(name, out));
}

HIP_SIM_API hipError_t hipModuleGetGlobal(hipDeviceptr_t* address, size_t* size, hipModule_t module, const char* name) {
  const lock guard;
  if (name == nullptr) return remember(hipErrorInvalidValue);
  if (!modules_of_program().contains(module)) return remember(hipErrorInvalidHandle);
  return remember(module->find_variable(name, address, size));
}
