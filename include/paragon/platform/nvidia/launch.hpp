#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <type_traits>

#include "paragon/platform/kernel.hpp"
#include "paragon/platform/nvidia/device.hpp"
#include "paragon/platform/nvidia/memory.hpp"
#include "paragon/platform/nvidia/status.hpp"
#include "paragon/types/status.hpp"

namespace paragon::platform {

/// Workgroups of `Kernel` that a multiprocessor is to hold, which bounds the registers of each; 1 if it does not say.
template <class Kernel> constexpr int resident_workgroups() {
  if constexpr (requires { Kernel::resident_waves; }) return Kernel::resident_waves / Kernel::max_waves;
  return 1;
}

/// What the device starts: the body of `Kernel`, or nothing in passes for other targets.
template <class Kernel>
__global__ void __launch_bounds__(max_lanes<Kernel>(), resident_workgroups<Kernel>())
    kernel_entry([[maybe_unused]] const __grid_constant__ typename Kernel::arguments arguments) {
  if constexpr (compiles_here<Kernel>()) {
    extern __shared__ __align__(128) std::byte paragon_shared[];
    Kernel::run(arguments, paragon_shared);
  }
}

namespace nvidia {

/// Beyond 48 KiB a kernel has to be allowed its shared memory. Always as much as the target has: a smaller allowance
/// would undo what another thread is about to use.
template <class Kernel> status allow_shared_memory(std::size_t shared_bytes) {
  if (shared_bytes <= 48 * 1024) return status::success();
  return status_of(cudaFuncSetAttribute(reinterpret_cast<const void*>(&kernel_entry<Kernel>),
                                        cudaFuncAttributeMaxDynamicSharedMemorySize, Kernel::target::lds_bytes),
                   "cudaFuncSetAttribute of the shared memory");
}

}  // namespace nvidia

/// Puts `Kernel` into the stream; see host/launch.hpp. May be captured in a graph. Further errors: unsupported_device
/// if the current device runs other kernels than this one, platform_error from CUDA.
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
  if (const status refused = nvidia::allow_shared_memory<Kernel>(shared_bytes); !refused.ok()) return refused;
  void* parameters[] = {const_cast<typename Kernel::arguments*>(&arguments)};
  const dim3 grid(static_cast<unsigned>(workgroups));
  const dim3 block(static_cast<unsigned>(waves * Kernel::target::wave_size));
  // Unlike cudaGetLastError after a launch, its result cannot be another call's error.
  return status_of(
      cudaLaunchKernel(reinterpret_cast<const void*>(&kernel_entry<Kernel>), grid, block, parameters, shared_bytes, on),
      "kernel launch");
}

/// How many workgroups of this size one multiprocessor holds at the same time, by CUDA's own count.
template <class Kernel> status occupancy(int waves, std::size_t shared_bytes, int& workgroups_per_compute_unit) {
  if (const status refused = check_workgroup<Kernel>(waves, shared_bytes); !refused.ok()) return refused;
  if (const status refused = nvidia::allow_shared_memory<Kernel>(shared_bytes); !refused.ok()) return refused;
  return status_of(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&workgroups_per_compute_unit,
                                                                 reinterpret_cast<const void*>(&kernel_entry<Kernel>),
                                                                 waves * Kernel::target::wave_size, shared_bytes),
                   "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
}

}  // namespace paragon::platform
