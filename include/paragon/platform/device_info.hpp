#pragma once

#include "paragon/platform/target.hpp"

namespace paragon::platform {

/// What the library has to know of the device that the next launch runs on.
struct device_info {
  char name[64];         ///< for messages, zero-terminated
  target_family family;  ///< which kernels it runs
  int compute_units;     ///< compute units (AMD) or streaming multiprocessors (NVIDIA)
  fp8_hardware fp8;      ///< the fp8 format it converts in hardware; `none`: software reads both
};

}  // namespace paragon::platform
