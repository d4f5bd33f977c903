#pragma once

/// @file
/// What AMD and NVIDIA have in common about kernels: where a kernel's body is compiled, and which launches are refused
/// before the vendor's runtime is asked. host/launch.hpp says what a kernel is.

#include <cstddef>

#include "paragon/platform/device_info.hpp"
#include "paragon/platform/macros.hpp"
#include "paragon/platform/target.hpp"
#include "paragon/types/status.hpp"

namespace paragon::platform {

/// The KV element type of `Kernel`; void if it names none.
template <class Kernel> struct kv_of { using type = void; };
template <class Kernel>
requires requires { typename Kernel::kv; }
struct kv_of<Kernel> {
  using type = typename Kernel::kv;
};

/// The fp8 format of a KV element type; none for 16-bit types and void.
template <class KV> inline constexpr fp8_hardware format_of = fp8_hardware::none;
template <> inline constexpr fp8_hardware format_of<fp8_e4m3fn> = fp8_hardware::fn;
template <> inline constexpr fp8_hardware format_of<fp8_e4m3fnuz> = fp8_hardware::fnuz;

/// True in the passes that compile the body of `Kernel`; elsewhere its entry is empty.
template <class Kernel> PARAGON_HD constexpr bool compiles_here() {
  return is_current<typename Kernel::target> && reads<typename kv_of<Kernel>::type>;
}

/// Lanes that a workgroup of `Kernel` has at most.
template <class Kernel> PARAGON_HD constexpr int max_lanes() { return Kernel::max_waves * Kernel::target::wave_size; }

/// Refuses a device on which the entry of `Kernel` is empty: a launch there would do nothing and report success.
template <class Kernel> status check_device(const device_info& device) {
  using target = typename Kernel::target;
  if constexpr (requires { target::runs_on(device.family); }) {
    if (!target::runs_on(device.family)) {
      return status::failure(status_code::unsupported_device, "%s does not run kernels for target %s", device.name,
                             target::name);
    }
  }
  constexpr fp8_hardware format = format_of<typename kv_of<Kernel>::type>;
  if (format != fp8_hardware::none && device.fp8 != fp8_hardware::none && device.fp8 != format) {
    const auto name = [](fp8_hardware kind) { return kind == fp8_hardware::fn ? "fp8_e4m3fn" : "fp8_e4m3fnuz"; };
    return status::failure(status_code::unsupported_device, "%s reads %s; this kernel's K and V are %s", device.name,
                           name(device.fp8), name(format));
  }
  return status::success();
}

/// Refuses workgroups that `Kernel` is not compiled for.
template <class Kernel> status check_workgroup(int waves, std::size_t shared_bytes) {
  using target = typename Kernel::target;
  if (waves < 1 || waves > Kernel::max_waves) {
    return status::failure(status_code::grid_limit, "%d waves per workgroup; this kernel runs with 1 to %d", waves,
                           Kernel::max_waves);
  }
  if (shared_bytes > static_cast<std::size_t>(target::lds_bytes)) {
    return status::failure(status_code::grid_limit, "%zu bytes of shared memory; target %s has %d per workgroup",
                           shared_bytes, target::name, target::lds_bytes);
  }
  return status::success();
}

}  // namespace paragon::platform
