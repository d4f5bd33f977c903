#include "errors.hpp"

#include <cstdarg>

namespace hip_sim {
namespace {

thread_local hipError_t last_error = hipSuccess;
hipError_t current_fault = hipSuccess;

std::recursive_mutex& state_mutex() {
  static auto* mutex = new std::recursive_mutex;  // usable until the very end of the process
  return *mutex;
}

}  // namespace

lock::lock() { state_mutex().lock(); }
lock::~lock() { state_mutex().unlock(); }

hipError_t remember(hipError_t error) {
  if (error != hipSuccess && error != hipErrorNotReady) last_error = error;
  return error;
}

hipError_t fault() { return current_fault; }

void set_fault(hipError_t error) {
  const lock guard;
  if (current_fault == hipSuccess) current_fault = error;
}

void clear_fault() {
  const lock guard;
  current_fault = last_error = hipSuccess;
}

void report(const char* format, ...) {
  std::fflush(stdout);
  char line[2048];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "hip-sim: %s\n", line);
}

hipError_t refuse(const char* what) {
  report("%s is not implemented; returning hipErrorNotSupported", what);
  return remember(hipErrorNotSupported);
}

}  // namespace hip_sim

using namespace hip_sim;

HIP_SIM_API hipError_t hipPeekAtLastError() { return fault() ? fault() : last_error; }

HIP_SIM_API hipError_t hipGetLastError() {
  const hipError_t error = hipPeekAtLastError();
  last_error = hipSuccess;
  return error;
}

HIP_SIM_API hipError_t hipExtGetLastError() { return hipGetLastError(); }
