#pragma once

#include <hip/hip_runtime.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "paragon/platform/amd/status.hpp"
#include "paragon/platform/device_info.hpp"
#include "paragon/types/status.hpp"

namespace paragon::platform {

namespace amd {

/// What a processor name ("gfx942:sramecc+:xnack-", as HIP reports it) means to the library.
struct processor {
  bool supported;
  target_family family;
  fp8_hardware fp8;
};

inline processor classify(std::string_view name) {
  const auto is = [name](std::string_view prefix) { return name.substr(0, prefix.size()) == prefix; };
  if (is("gfx90a")) return {true, target_family::cdna2, fp8_hardware::none};
  if (is("gfx942")) return {true, target_family::cdna3, fp8_hardware::fnuz};
  if (is("gfx950")) return {true, target_family::cdna3, fp8_hardware::fn};
  if (is("gfx11")) return {true, target_family::rdna3, fp8_hardware::none};
  // gfx1250 has other matrix instructions.
  if (is("gfx120")) return {true, target_family::rdna4, fp8_hardware::fn};
  return {false, target_family::cdna3, fp8_hardware::none};
}

/// Describes all devices of the process once: hipGetDeviceProperties takes too long for every launch.
class device_table {
 public:
  static const device_table& instance() {
    static const device_table table;
    return table;
  }

  status describe(int ordinal, device_info& info) const {
    if (ordinal < 0 || ordinal >= count_) {
      return status::failure(status_code::unsupported_device, "HIP device %d; devices 0 to %d can be used", ordinal,
                             count_ - 1);
    }
    const entry& device = devices_[static_cast<std::size_t>(ordinal)];
    if (device.error != hipSuccess) return status_of(device.error, "hipGetDeviceProperties");
    if (!device.supported) {
      return status::failure(status_code::unsupported_device,
                             "HIP device %d is %s; supported are gfx90a, gfx942, gfx950, gfx11xx and gfx120x", ordinal,
                             device.info.name);
    }
    info = device.info;
    return status::success();
  }

 private:
  struct entry {
    hipError_t error;
    bool supported;
    device_info info;
  };

  device_table() {
    int found = 0;
    if (hipGetDeviceCount(&found) != hipSuccess) return;
    count_ = std::min(found, static_cast<int>(devices_.size()));
    for (int i = 0; i < count_; ++i) devices_[static_cast<std::size_t>(i)] = read(i);
  }

  static entry read(int ordinal) {
    entry result{};
    hipDeviceProp_t properties;
    result.error = hipGetDeviceProperties(&properties, ordinal);
    if (result.error != hipSuccess) return result;
    const std::string_view arch = properties.gcnArchName;
    const processor kind = classify(arch);
    result.supported = kind.supported;
    result.info.family = kind.family;
    result.info.fp8 = kind.fp8;
    result.info.compute_units = properties.multiProcessorCount;
    std::snprintf(result.info.name, sizeof(result.info.name), "%.*s (%.40s)",
                  static_cast<int>(std::min<std::size_t>(arch.find(':'), 16)), arch.data(), properties.name);
    return result;
  }

  // Twice what a node of eight MI300X has when each is cut into eight partitions.
  std::array<entry, 128> devices_{};
  int count_ = 0;
};

}  // namespace amd

/// Describes the calling thread's current HIP device. Compute units are counted as HIP counts them for occupancy (on
/// RDNA that is work group processors).
inline status query_device(device_info& info) {
  int ordinal = 0;
  if (const status failed = status_of(hipGetDevice(&ordinal), "hipGetDevice"); !failed.ok()) return failed;
  return amd::device_table::instance().describe(ordinal, info);
}

}  // namespace paragon::platform
