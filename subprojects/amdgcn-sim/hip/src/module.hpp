// Code objects loaded on a device, and the kernels and variables in them.
#pragma once

#include "amdgcn_sim.h"
#include "bundle.hpp"

/// hipFunction_t: one kernel on one device.
struct ihipModuleSymbol_t {
  const amdgcn_sim_kernel* kernel = nullptr;
  std::string readable_name;
  std::vector<const amdgcn_sim_arg*> arguments;  ///< the explicit ones
  int hostcall_offset = -1;                      ///< of the hidden argument in the kernarg segment; -1: there is none
  const void* stub = nullptr;                    ///< the host function that stands for the kernel

  unsigned max_threads() const { return kernel->max_workgroup_size > 0 ? kernel->max_workgroup_size : 1024; }
};

/// hipModule_t: one code object loaded on one device.
struct ihipModule_t {
  ihipModule_t(amdgcn_sim_module* loaded, int on_device) : code(loaded), device(on_device) {}
  ihipModule_t(const ihipModule_t&) = delete;
  ~ihipModule_t();

  hipError_t find_kernel(const char* name, ihipModuleSymbol_t** out);
  hipError_t find_variable(const char* name, void** address, size_t* size);

  amdgcn_sim_module* code;
  int device;
  hip_sim::image source;  ///< keeps the bytes of a file
  std::map<std::string, std::unique_ptr<ihipModuleSymbol_t>> kernels;
  std::set<void*> variables;
};

namespace hip_sim {

hipError_t load_module(const image& from, int device, std::unique_ptr<ihipModule_t>& out, std::string& why_not);

/// The kernel that a host function stands for, on a device. Its code object is loaded when it is first needed.
hipError_t kernel_of_stub(const void* stub, int device, ihipModuleSymbol_t** out);
/// The same for a variable.
hipError_t variable_of_host(const void* variable, int device, void** address, size_t* size);
/// Forgets what was loaded from the program's own code objects.
void unload_device_modules(int device);

}  // namespace hip_sim
