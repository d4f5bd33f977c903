#pragma once

#include <hip/hip_runtime.h>

#include "paragon/types/status.hpp"

namespace paragon::platform {

/// A HIP error as a status: `platform_error` with what was attempted and HIP's own words.
inline status status_of(hipError_t error, const char* attempted) {
  if (error == hipSuccess) return status::success();
  return status::failure(status_code::platform_error, "%s: %s (%s)", attempted, hipGetErrorString(error),
                         hipGetErrorName(error));
}

}  // namespace paragon::platform
