#pragma once

#include "paragon/platform/platform.hpp"

/// All target families, for TEST_CASE_TEMPLATE. Kernels of all of them compile on every platform; whether one of them
/// can be launched is `runs_here`'s answer.
#define PARAGON_ALL_TARGETS paragon::target::cdna, paragon::target::rdna3, paragon::target::rdna4, paragon::target::sm80

namespace paragon_test {

/// True if kernels of this target can be launched: the host runs all of them, a GPU those for its family.
template <class Target> bool runs_here() {
  if (PARAGON_PLATFORM_HOST == 1) return true;
  paragon::platform::device_info device;
  return paragon::platform::query_device(device).ok() && Target::runs_on(device.family);
}

}  // namespace paragon_test
