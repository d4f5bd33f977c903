// Fills.
#include "errors.hpp"
#include "memory.hpp"
#include "operation.hpp"
#include "stream.hpp"

namespace hip_sim {

hipError_t check_fill(const memory_fill& fill) {
  const lock guard;
  if (find_allocation(fill.to) == nullptr) {
    report("memset of memory that is not known to the device (%p)", fill.to);
    return hipErrorInvalidValue;
  }
  const size_t row = fill.width * fill.element;
  if (fill.height > 1 && fill.pitch < row) return hipErrorInvalidValue;
  return check_range(fill.to, fill.pitch * (fill.height - 1) + row);
}

}  // namespace hip_sim

using namespace hip_sim;

static hipError_t fill_now(const memory_fill& fill) {
  HIP_SIM_TRY(fault());
  HIP_SIM_TRY(capture_forbids_implicit());
  if (fill.width == 0 || fill.height == 0) return hipSuccess;
  HIP_SIM_TRY(check_fill(fill));
  return remember(submit_and_wait(fill));
}

static hipError_t fill_in(hipStream_t stream, const memory_fill& fill) {
  HIP_SIM_TRY(fault());
  if (fill.width == 0 || fill.height == 0) return hipSuccess;
  HIP_SIM_TRY(check_fill(fill));
  return remember(submit(stream, fill));
}

static memory_fill line(void* to, unsigned value, unsigned element, size_t count) {
  return {.to = to, .value = value, .element = element, .width = count};
}
static memory_fill rows(void* to, size_t pitch, int value, size_t width, size_t height) {
  return {
      .to = to, .value = static_cast<uint8_t>(value), .element = 1, .pitch = pitch, .width = width, .height = height};
}

HIP_SIM_API hipError_t hipMemset(void* to, int value, size_t count) {
  return fill_now(line(to, static_cast<uint8_t>(value), 1, count));
}
HIP_SIM_API hipError_t hipMemsetAsync(void* to, int value, size_t count, hipStream_t stream) {
  return fill_in(stream, line(to, static_cast<uint8_t>(value), 1, count));
}
HIP_SIM_API hipError_t hipMemsetD8(hipDeviceptr_t to, unsigned char value, size_t count) {
  return fill_now(line(to, value, 1, count));
}
HIP_SIM_API hipError_t hipMemsetD8Async(hipDeviceptr_t to, unsigned char value, size_t count, hipStream_t stream) {
  return fill_in(stream, line(to, value, 1, count));
}
HIP_SIM_API hipError_t hipMemsetD16(hipDeviceptr_t to, unsigned short value, size_t count) {
  return fill_now(line(to, value, 2, count));
}
HIP_SIM_API hipError_t hipMemsetD16Async(hipDeviceptr_t to, unsigned short value, size_t count, hipStream_t stream) {
  return fill_in(stream, line(to, value, 2, count));
}
HIP_SIM_API hipError_t hipMemsetD32(hipDeviceptr_t to, int value, size_t count) {
  return fill_now(line(to, static_cast<unsigned>(value), 4, count));
}
HIP_SIM_API hipError_t hipMemsetD32Async(hipDeviceptr_t to, int value, size_t count, hipStream_t stream) {
  return fill_in(stream, line(to, static_cast<unsigned>(value), 4, count));
}
HIP_SIM_API hipError_t hipMemset2D(void* to, size_t pitch, int value, size_t width, size_t height) {
  return fill_now(rows(to, pitch, value, width, height));
}
HIP_SIM_API hipError_t hipMemset2DAsync(void* to, size_t pitch, int value, size_t width, size_t height,
                                        hipStream_t stream) {
  return fill_in(stream, rows(to, pitch, value, width, height));
}
