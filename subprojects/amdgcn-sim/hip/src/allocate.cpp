// The functions that allocate and free memory, and those that tell what an address is.
#include "devices.hpp"
#include "errors.hpp"
#include "memory.hpp"
#include "options.hpp"
#include "stream.hpp"

using namespace hip_sim;

static hipError_t allocate_here(void** out, size_t size, memory_kind kind, unsigned flags) {
  if (out == nullptr) return remember(hipErrorInvalidValue);
  if (device_count() == 0) return remember(hipErrorNoDevice);
  HIP_SIM_TRY(fault());
  HIP_SIM_TRY(capture_forbids_unsafe());
  return remember(allocate(out, size, kind, current_device(), flags));
}

static hipError_t free_when_idle(void* memory, bool pinned) {
  HIP_SIM_TRY(capture_forbids_unsafe());
  HIP_SIM_TRY(finish_all());
  HIP_SIM_TRY(release(memory, pinned));
  return remember(fault());
}

HIP_SIM_API hipError_t hipMalloc(void** out, size_t size) { return allocate_here(out, size, memory_kind::device, 0); }
HIP_SIM_API hipError_t hipExtMallocWithFlags(void** out, size_t size, unsigned flags) {
  return allocate_here(out, size, memory_kind::device, flags);
}
HIP_SIM_API hipError_t hipMallocManaged(void** out, size_t size, unsigned flags) {
  if (size == 0) return remember(hipErrorInvalidValue);
  return allocate_here(out, size, memory_kind::managed, flags);
}
HIP_SIM_API hipError_t hipHostMalloc(void** out, size_t size, unsigned flags) {
  return allocate_here(out, size, memory_kind::host, flags);
}
HIP_SIM_API hipError_t hipHostAlloc(void** out, size_t size, unsigned flags) { return hipHostMalloc(out, size, flags); }
HIP_SIM_API hipError_t hipMallocHost(void** out, size_t size) { return hipHostMalloc(out, size, 0); }

HIP_SIM_API hipError_t hipMallocPitch(void** out, size_t* pitch, size_t width, size_t height) {
  if (out == nullptr || pitch == nullptr) return remember(hipErrorInvalidValue);
  *pitch = (width + 255) / 256 * 256;
  return allocate_here(out, *pitch * height, memory_kind::device, 0);
}

HIP_SIM_API hipError_t hipFree(void* memory) { return free_when_idle(memory, false); }
HIP_SIM_API hipError_t hipHostFree(void* memory) { return free_when_idle(memory, true); }
HIP_SIM_API hipError_t hipFreeHost(void* memory) { return hipHostFree(memory); }

HIP_SIM_API hipError_t hipHostRegister(void* memory, size_t size, unsigned flags) {
  if (memory == nullptr || size == 0) return remember(hipErrorInvalidValue);
  HIP_SIM_TRY(capture_forbids_unsafe());
  const lock guard;
  if (find_allocation(memory) != nullptr) return remember(hipErrorHostMemoryAlreadyRegistered);
  add_foreign_memory(memory, size, memory_kind::registered, current_device(), flags);
  return hipSuccess;
}

HIP_SIM_API hipError_t hipHostUnregister(void* memory) {
  HIP_SIM_TRY(capture_forbids_unsafe());
  HIP_SIM_TRY(finish_all());
  const bool was_there = remove_foreign_memory(memory, memory_kind::registered);
  return remember(was_there ? hipSuccess : hipErrorHostMemoryNotRegistered);
}

static bool is_host_memory(const allocation& a) {
  return a.kind == memory_kind::host || a.kind == memory_kind::registered || a.kind == memory_kind::managed;
}

HIP_SIM_API hipError_t hipHostGetDevicePointer(void** out, void* memory, unsigned) {
  const lock guard;
  const allocation* a = out != nullptr ? find_allocation(memory) : nullptr;
  if (a == nullptr || !is_host_memory(*a)) return remember(hipErrorInvalidValue);
  *out = memory;
  return hipSuccess;
}

HIP_SIM_API hipError_t hipMemGetInfo(size_t* free, size_t* total) {
  if (free == nullptr || total == nullptr) return remember(hipErrorInvalidValue);
  *total = device_memory;
  *free = device_memory - memory_in_use(current_device());
  return hipSuccess;
}

HIP_SIM_API hipError_t hipMemGetAddressRange(hipDeviceptr_t* base, size_t* size, hipDeviceptr_t address) {
  const lock guard;
  const allocation* a = find_allocation(address);
  if (a == nullptr) return remember(hipErrorNotFound);
  if (base != nullptr) *base = a->base;
  if (size != nullptr) *size = a->size;
  return hipSuccess;
}

HIP_SIM_API hipError_t hipPointerGetAttributes(hipPointerAttribute_t* out, const void* address) {
  if (out == nullptr || address == nullptr) return remember(hipErrorInvalidValue);
  const lock guard;
  std::memset(out, 0, sizeof *out);
  const allocation* a = find_allocation(address);
  if (a == nullptr) {
    out->type = hipMemoryTypeUnregistered;
    out->device = hipInvalidDeviceId;
    return hipSuccess;
  }
  out->type = !is_host_memory(*a)               ? hipMemoryTypeDevice
              : a->kind == memory_kind::managed ? hipMemoryTypeManaged
                                                : hipMemoryTypeHost;
  out->device = a->device;
  out->allocationFlags = a->flags;
  out->isManaged = a->kind == memory_kind::managed;
  out->devicePointer = const_cast<void*>(address);
  if (is_host_memory(*a)) out->hostPointer = out->devicePointer;
  return hipSuccess;
}

// Managed memory is where it is needed already.
HIP_SIM_API hipError_t hipMemPrefetchAsync(const void* first, size_t size, int, hipStream_t) {
  const lock guard;
  return remember(find_allocation(first) != nullptr ? check_range(first, size) : hipErrorInvalidValue);
}
