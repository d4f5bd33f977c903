#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>

#include "paragon/platform/device_info.hpp"
#include "paragon/platform/nvidia/status.hpp"
#include "paragon/types/status.hpp"

namespace paragon::platform {

namespace nvidia {

/// Describes all devices of the process once: cudaGetDeviceProperties takes too long for every launch.
class device_table {
 public:
  static const device_table& instance() {
    static const device_table table;
    return table;
  }

  status describe(int ordinal, device_info& info) const {
    if (ordinal < 0 || ordinal >= count_) {
      return status::failure(status_code::unsupported_device, "CUDA device %d; devices 0 to %d can be used", ordinal,
                             count_ - 1);
    }
    const entry& device = devices_[static_cast<std::size_t>(ordinal)];
    if (device.error != cudaSuccess) return status_of(device.error, "cudaGetDeviceProperties");
    if (!device.supported) {
      return status::failure(status_code::unsupported_device, "CUDA device %d is %s; supported are sm_80 and later",
                             ordinal, device.info.name);
    }
    info = device.info;
    return status::success();
  }

 private:
  struct entry {
    cudaError_t error;
    bool supported;
    device_info info;
  };

  device_table() {
    int found = 0;
    if (cudaGetDeviceCount(&found) != cudaSuccess) return;
    count_ = std::min(found, static_cast<int>(devices_.size()));
    for (int i = 0; i < count_; ++i) devices_[static_cast<std::size_t>(i)] = read(i);
  }

  static entry read(int ordinal) {
    entry result{};
    cudaDeviceProp properties;
    result.error = cudaGetDeviceProperties(&properties, ordinal);
    if (result.error != cudaSuccess) return result;
    const int capability = 10 * properties.major + properties.minor;
    result.supported = capability >= 80;
    result.info.family = target_family::sm80;
    result.info.fp8 = capability >= 89 ? fp8_hardware::fn : fp8_hardware::none;
    result.info.compute_units = properties.multiProcessorCount;
    std::snprintf(result.info.name, sizeof(result.info.name), "sm_%d (%.40s)", capability, properties.name);
    return result;
  }

  std::array<entry, 128> devices_{};
  int count_ = 0;
};

}  // namespace nvidia

/// Describes the calling thread's current CUDA device.
inline status query_device(device_info& info) {
  int ordinal = 0;
  if (const status failed = status_of(cudaGetDevice(&ordinal), "cudaGetDevice"); !failed.ok()) return failed;
  return nvidia::device_table::instance().describe(ordinal, info);
}

}  // namespace paragon::platform
