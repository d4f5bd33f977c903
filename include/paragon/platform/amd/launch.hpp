#pragma once

#include <hip/hip_runtime.h>

#include <cstddef>
#include <type_traits>

#include "paragon/platform/amd/device.hpp"
#include "paragon/platform/amd/memory.hpp"
#include "paragon/platform/amd/status.hpp"
#include "paragon/platform/kernel.hpp"
#include "paragon/types/status.hpp"

namespace paragon::platform {

/// Waves of `Kernel` that each of a compute unit's four SIMDs is to hold.
template <class Kernel> constexpr int resident_per_simd() {
  if constexpr (requires { Kernel::resident_waves; }) return Kernel::resident_waves / 4;
  return 1;
}

/// What the device starts: the body of `Kernel`, or nothing in passes for other targets.
template <class Kernel>
__global__ void __launch_bounds__(max_lanes<Kernel>(), resident_per_simd<Kernel>())
    kernel_entry([[maybe_unused]] const typename Kernel::arguments arguments) {
  if constexpr (compiles_here<Kernel>()) {
    extern __shared__ __align__(16) std::byte paragon_shared[];
    // The arguments where the launch put them, not the parameter: see `refetch`.
    Kernel::run(*(const typename Kernel::arguments*)(__builtin_amdgcn_kernarg_segment_ptr()), paragon_shared);
  }
}

/// Puts `Kernel` into the stream; see host/launch.hpp. May be captured in a graph. Further errors: unsupported_device
/// if the current device runs other kernels than this one, platform_error from HIP.
template <class Kernel>
status launch(int workgroups, int waves, std::size_t shared_bytes, stream on,
              const typename Kernel::arguments& arguments) {
  static_assert(std::is_trivially_copyable_v<typename Kernel::arguments>, "kernel arguments are copied as bytes");
  if (workgroups < 0) {
    return status::failure(status_code::grid_limit, "%d workgroups; the count must not be negative", workgroups);
  }
  if (const status refused = check_workgroup<Kernel>(waves, shared_bytes); !refused.ok()) return refused;
  device_info device;
  if (const status failed = query_device(device); !failed.ok()) return failed;
  if (const status refused = check_device<Kernel>(device); !refused.ok()) return refused;
  if (workgroups == 0) return status::success();
  void* parameters[] = {const_cast<typename Kernel::arguments*>(&arguments)};
  const dim3 grid(static_cast<unsigned>(workgroups));
  const dim3 block(static_cast<unsigned>(waves * Kernel::target::wave_size));
  // Unlike hipGetLastError after a launch, its result cannot be another call's error.
  return status_of(
      hipLaunchKernel(reinterpret_cast<const void*>(&kernel_entry<Kernel>), grid, block, parameters, shared_bytes, on),
      "kernel launch");
}

/// How many workgroups of this size one compute unit holds at the same time, by HIP's own count.
template <class Kernel> status occupancy(int waves, std::size_t shared_bytes, int& workgroups_per_compute_unit) {
  if (const status refused = check_workgroup<Kernel>(waves, shared_bytes); !refused.ok()) return refused;
  return status_of(hipOccupancyMaxActiveBlocksPerMultiprocessor(&workgroups_per_compute_unit,
                                                                reinterpret_cast<const void*>(&kernel_entry<Kernel>),
                                                                waves * Kernel::target::wave_size, shared_bytes),
                   "hipOccupancyMaxActiveBlocksPerMultiprocessor");
}

}  // namespace paragon::platform
