// What calls return, what is said on stderr, and the lock of the runtime's state.
#pragma once

#include "hip.hpp"

namespace hip_sim {

/// Remembers an error for hipGetLastError() of this thread, and returns it.
hipError_t remember(hipError_t error);

/// The failure of a kernel, after which every call fails until hipDeviceReset(); hipSuccess: there was none.
hipError_t fault();
void set_fault(hipError_t error);
void clear_fault();

/// Writes a line to stderr.
__attribute__((format(printf, 1, 2))) void report(const char* format, ...);

/// Reports that something is not implemented; returns hipErrorNotSupported.
hipError_t refuse(const char* what);

/// Held while state of the runtime is read or written. Recursive, because API functions call each other.
class lock {
 public:
  lock();
  ~lock();
  lock(const lock&) = delete;
  lock& operator=(const lock&) = delete;
};

}  // namespace hip_sim

/// Leaves an API function with the error that the expression gives, if it does.
#define HIP_SIM_TRY(expression)                                                                         \
  do {                                                                                                  \
    if (const hipError_t error_ = (expression); error_ != hipSuccess) return hip_sim::remember(error_); \
  } while (0)
