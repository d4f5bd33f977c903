// Copies.
#include "devices.hpp"
#include "errors.hpp"
#include "memory.hpp"
#include "module.hpp"
#include "operation.hpp"
#include "stream.hpp"

using namespace hip_sim;

static hipError_t copy_now(void* to, const void* from, size_t size, hipMemcpyKind kind) {
  HIP_SIM_TRY(fault());
  HIP_SIM_TRY(capture_forbids_implicit());
  if (size == 0) return hipSuccess;
  HIP_SIM_TRY(check_copy(to, from, size, kind));
  return remember(submit_and_wait(memory_copy{.to = to, .from = from, .width = size}));
}

static hipError_t copy_in(hipStream_t stream, void* to, const void* from, size_t size, hipMemcpyKind kind) {
  HIP_SIM_TRY(fault());
  if (size == 0) return hipSuccess;
  HIP_SIM_TRY(check_copy(to, from, size, kind));
  return remember(submit(stream, memory_copy{.to = to, .from = from, .width = size}));
}

HIP_SIM_API hipError_t hipMemcpy(void* to, const void* from, size_t size, hipMemcpyKind kind) {
  return copy_now(to, from, size, kind);
}
HIP_SIM_API hipError_t hipMemcpyAsync(void* to, const void* from, size_t size, hipMemcpyKind kind, hipStream_t stream) {
  return copy_in(stream, to, from, size, kind);
}
HIP_SIM_API hipError_t hipMemcpyWithStream(void* to, const void* from, size_t size, hipMemcpyKind kind,
                                           hipStream_t stream) {
  HIP_SIM_TRY(copy_in(stream, to, from, size, kind));
  return hipStreamSynchronize(stream);
}
HIP_SIM_API hipError_t hipMemcpyHtoD(hipDeviceptr_t to, const void* from, size_t size) {
  return copy_now(to, from, size, hipMemcpyHostToDevice);
}
HIP_SIM_API hipError_t hipMemcpyDtoH(void* to, hipDeviceptr_t from, size_t size) {
  return copy_now(to, from, size, hipMemcpyDeviceToHost);
}
HIP_SIM_API hipError_t hipMemcpyDtoD(hipDeviceptr_t to, hipDeviceptr_t from, size_t size) {
  return copy_now(to, from, size, hipMemcpyDeviceToDevice);
}
HIP_SIM_API hipError_t hipMemcpyHtoDAsync(hipDeviceptr_t to, const void* from, size_t size, hipStream_t stream) {
  return copy_in(stream, to, from, size, hipMemcpyHostToDevice);
}
HIP_SIM_API hipError_t hipMemcpyDtoHAsync(void* to, hipDeviceptr_t from, size_t size, hipStream_t stream) {
  return copy_in(stream, to, from, size, hipMemcpyDeviceToHost);
}
HIP_SIM_API hipError_t hipMemcpyDtoDAsync(hipDeviceptr_t to, hipDeviceptr_t from, size_t size, hipStream_t stream) {
  return copy_in(stream, to, from, size, hipMemcpyDeviceToDevice);
}
HIP_SIM_API hipError_t hipMemcpyPeer(void* to, int to_device, const void* from, int from_device, size_t size) {
  if (!is_device(to_device) || !is_device(from_device)) return remember(hipErrorInvalidDevice);
  return copy_now(to, from, size, hipMemcpyDeviceToDevice);
}
HIP_SIM_API hipError_t hipMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device, size_t size,
                                          hipStream_t stream) {
  if (!is_device(to_device) || !is_device(from_device)) return remember(hipErrorInvalidDevice);
  return copy_in(stream, to, from, size, hipMemcpyDeviceToDevice);
}

// ---- variables --------------------------------------------------------------------------------------------------

static hipError_t find_in_variable(const void* variable, size_t size, size_t offset, char** out) {
  void* base = nullptr;
  size_t whole = 0;
  if (const hipError_t error = variable_of_host(variable, current_device(), &base, &whole)) return error;
  if (offset > whole || size > whole - offset) return hipErrorInvalidValue;
  *out = static_cast<char*>(base) + offset;
  return hipSuccess;
}

static hipError_t check_direction(hipMemcpyKind kind, hipMemcpyKind across) {
  const bool fits = kind == across || kind == hipMemcpyDeviceToDevice || kind == hipMemcpyDefault;
  return fits ? hipSuccess : hipErrorInvalidMemcpyDirection;
}

HIP_SIM_API hipError_t hipMemcpyToSymbol(const void* variable, const void* from, size_t size, size_t offset,
                                         hipMemcpyKind kind) {
  HIP_SIM_TRY(check_direction(kind, hipMemcpyHostToDevice));
  char* to = nullptr;
  HIP_SIM_TRY(find_in_variable(variable, size, offset, &to));
  return copy_now(to, from, size, kind);
}
HIP_SIM_API hipError_t hipMemcpyToSymbolAsync(const void* variable, const void* from, size_t size, size_t offset,
                                              hipMemcpyKind kind, hipStream_t stream) {
  HIP_SIM_TRY(check_direction(kind, hipMemcpyHostToDevice));
  char* to = nullptr;
  HIP_SIM_TRY(find_in_variable(variable, size, offset, &to));
  return copy_in(stream, to, from, size, kind);
}
HIP_SIM_API hipError_t hipMemcpyFromSymbol(void* to, const void* variable, size_t size, size_t offset,
                                           hipMemcpyKind kind) {
  HIP_SIM_TRY(check_direction(kind, hipMemcpyDeviceToHost));
  char* from = nullptr;
  HIP_SIM_TRY(find_in_variable(variable, size, offset, &from));
  return copy_now(to, from, size, kind);
}
HIP_SIM_API hipError_t hipMemcpyFromSymbolAsync(void* to, const void* variable, size_t size, size_t offset,
                                                hipMemcpyKind kind, hipStream_t stream) {
  HIP_SIM_TRY(check_direction(kind, hipMemcpyDeviceToHost));
  char* from = nullptr;
  HIP_SIM_TRY(find_in_variable(variable, size, offset, &from));
  return copy_in(stream, to, from, size, kind);
}
HIP_SIM_API hipError_t hipGetSymbolAddress(void** out, const void* variable) {
  if (out == nullptr) return remember(hipErrorInvalidValue);
  return remember(variable_of_host(variable, current_device(), out, nullptr));
}
HIP_SIM_API hipError_t hipGetSymbolSize(size_t* out, const void* variable) {
  if (out == nullptr) return remember(hipErrorInvalidValue);
  void* base = nullptr;
  return remember(variable_of_host(variable, current_device(), &base, out));
}

// ---- rows -------------------------------------------------------------------------------------------------------

static hipError_t check_rows(const memory_copy& copy, hipMemcpyKind kind) {
  if (copy.to_pitch < copy.width || copy.from_pitch < copy.width) return hipErrorInvalidPitchValue;
  if (const hipError_t error = check_copy(copy.to, copy.from, 1, kind)) return error;
  if (const hipError_t error = check_range(copy.to, copy.to_pitch * (copy.height - 1) + copy.width)) return error;
  return check_range(copy.from, copy.from_pitch * (copy.height - 1) + copy.width);
}

HIP_SIM_API hipError_t hipMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                                   size_t height, hipMemcpyKind kind) {
  HIP_SIM_TRY(fault());
  HIP_SIM_TRY(capture_forbids_implicit());
  if (width == 0 || height == 0) return hipSuccess;
  const memory_copy copy{to, from, to_pitch, from_pitch, width, height};
  HIP_SIM_TRY(check_rows(copy, kind));
  return remember(submit_and_wait(copy));
}
HIP_SIM_API hipError_t hipMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                                        size_t height, hipMemcpyKind kind, hipStream_t stream) {
  HIP_SIM_TRY(fault());
  if (width == 0 || height == 0) return hipSuccess;
  const memory_copy copy{to, from, to_pitch, from_pitch, width, height};
  HIP_SIM_TRY(check_rows(copy, kind));
  return remember(submit(stream, copy));
}
