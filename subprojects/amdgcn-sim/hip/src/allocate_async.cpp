// Allocation in the order of a stream, and as much of memory pools as programs need to keep memory in them.
#include "devices.hpp"
#include "errors.hpp"
#include "memory.hpp"
#include "operation.hpp"
#include "options.hpp"
#include "stream.hpp"

using namespace hip_sim;

struct ihipMemPoolHandle_t {};

HIP_SIM_API hipError_t hipMallocAsync(void** out, size_t size, hipStream_t handle) {
  if (out == nullptr) return remember(hipErrorInvalidValue);
  HIP_SIM_TRY(fault());
  ihipStream_t* stream = nullptr;
  HIP_SIM_TRY(resolve(handle, &stream));
  const lock guard;
  HIP_SIM_TRY(allocate(out, size, memory_kind::device, stream->device));
  if (stream->capture == hipStreamCaptureStatusNone || *out == nullptr) return hipSuccess;
  // A capture decides the address now, and its graphs own the memory.
  if (stream->capture == hipStreamCaptureStatusActive) {
    stream->graph->memory.emplace_back(*out, [](void* memory) { (void)release(memory, false); });
  }
  return remember(submit(handle, graph_allocation{*out, size}));
}

HIP_SIM_API hipError_t hipFreeAsync(void* memory, hipStream_t handle) {
  if (memory == nullptr) return remember(hipErrorInvalidValue);
  HIP_SIM_TRY(fault());
  ihipStream_t* stream = nullptr;
  HIP_SIM_TRY(resolve(handle, &stream));
  if (stream->capture != hipStreamCaptureStatusNone) return remember(submit(handle, graph_release{}));
  if (!options().late) return remember(release(memory, false));
  enqueue(stream, [memory] { return release(memory, false); });
  return hipSuccess;
}

HIP_SIM_API hipError_t hipDeviceGetDefaultMemPool(hipMemPool_t* pool, int device) {
  static std::array<ihipMemPoolHandle_t, max_devices> pools;
  if (pool == nullptr) return remember(hipErrorInvalidValue);
  if (!is_device(device)) return remember(hipErrorInvalidDevice);
  *pool = &pools[static_cast<size_t>(device)];
  return hipSuccess;
}
HIP_SIM_API hipError_t hipDeviceGetMemPool(hipMemPool_t* pool, int device) {
  return hipDeviceGetDefaultMemPool(pool, device);
}

// How much a pool keeps and what it reuses changes nothing here: freed memory always goes into the quarantine.
HIP_SIM_API hipError_t hipMemPoolSetAttribute(hipMemPool_t pool, hipMemPoolAttr, void* value) {
  return remember(pool != nullptr && value != nullptr ? hipSuccess : hipErrorInvalidValue);
}
HIP_SIM_API hipError_t hipMemPoolTrimTo(hipMemPool_t pool, size_t) {
  return remember(pool != nullptr ? hipSuccess : hipErrorInvalidValue);
}
