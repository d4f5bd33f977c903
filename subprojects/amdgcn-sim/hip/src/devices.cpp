#include "devices.hpp"

#include "errors.hpp"
#include "memory.hpp"
#include "module.hpp"
#include "options.hpp"
#include "stream.hpp"

namespace hip_sim {
namespace {
thread_local int chosen_device = 0;
}

int device_count() { return find_processor() == nullptr ? 0 : options().devices; }
int current_device() { return chosen_device; }
bool is_device(int device) { return device >= 0 && device < device_count(); }

}  // namespace hip_sim

using namespace hip_sim;

HIP_SIM_API hipError_t hipInit(unsigned) { return remember(device_count() > 0 ? hipSuccess : hipErrorNoDevice); }

HIP_SIM_API hipError_t hipGetDeviceCount(int* count) {
  if (count == nullptr) return remember(hipErrorInvalidValue);
  *count = device_count();
  return remember(*count > 0 ? hipSuccess : hipErrorNoDevice);
}

HIP_SIM_API hipError_t hipGetDevice(int* device) {
  if (device == nullptr) return remember(hipErrorInvalidValue);
  *device = chosen_device;
  return hipSuccess;
}

HIP_SIM_API hipError_t hipSetDevice(int device) {
  if (device_count() == 0) return remember(hipErrorNoDevice);
  if (!is_device(device)) return remember(hipErrorInvalidDevice);
  chosen_device = device;
  return hipSuccess;
}

HIP_SIM_API hipError_t hipDeviceGet(hipDevice_t* device, int ordinal) {
  if (device == nullptr) return remember(hipErrorInvalidValue);
  if (!is_device(ordinal)) return remember(hipErrorInvalidDevice);
  *device = ordinal;
  return hipSuccess;
}

HIP_SIM_API hipError_t hipDeviceSynchronize() {
  HIP_SIM_TRY(capture_forbids_any());
  HIP_SIM_TRY(finish_all());
  return remember(fault());
}

HIP_SIM_API hipError_t hipDeviceReset() {
  HIP_SIM_TRY(capture_forbids_any());
  (void)finish_all();
  const lock guard;
  release_device_memory(current_device());
  unload_device_modules(current_device());
  clear_fault();
  return hipSuccess;
}

HIP_SIM_API hipError_t hipDriverGetVersion(int* version) {
  if (version == nullptr) return remember(hipErrorInvalidValue);
  *version = HIP_VERSION;
  return hipSuccess;
}
HIP_SIM_API hipError_t hipRuntimeGetVersion(int* version) { return hipDriverGetVersion(version); }

HIP_SIM_API hipError_t hipDeviceGetStreamPriorityRange(int* least, int* greatest) {
  if (least != nullptr) *least = 1;
  if (greatest != nullptr) *greatest = -1;
  return hipSuccess;
}

// Advice about waiting and caches, of which there are none.
HIP_SIM_API hipError_t hipSetDeviceFlags(unsigned) { return hipSuccess; }
HIP_SIM_API hipError_t hipDeviceSetCacheConfig(hipFuncCache_t) { return hipSuccess; }

// Memory of one device is memory of all.
HIP_SIM_API hipError_t hipDeviceCanAccessPeer(int* can, int device, int peer) {
  if (can == nullptr) return remember(hipErrorInvalidValue);
  if (!is_device(device) || !is_device(peer)) return remember(hipErrorInvalidDevice);
  *can = device != peer;
  return hipSuccess;
}
HIP_SIM_API hipError_t hipDeviceEnablePeerAccess(int peer, unsigned flags) {
  if (flags != 0) return remember(hipErrorInvalidValue);
  return remember(is_device(peer) && peer != chosen_device ? hipSuccess : hipErrorInvalidDevice);
}
