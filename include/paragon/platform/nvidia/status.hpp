#pragma once

#include <cuda_runtime.h>

#include "paragon/types/status.hpp"

namespace paragon::platform {

/// A CUDA error as a status: `platform_error` with what was attempted and CUDA's own words.
inline status status_of(cudaError_t error, const char* attempted) {
  if (error == cudaSuccess) return status::success();
  return status::failure(status_code::platform_error, "%s: %s (%s)", attempted, cudaGetErrorString(error),
                         cudaGetErrorName(error));
}

}  // namespace paragon::platform
