#pragma once

#include <cstddef>
#include <mutex>
#include <type_traits>

#include "paragon/platform/device_info.hpp"
#include "paragon/platform/host/memory.hpp"
#include "paragon/platform/host/worker_pool.hpp"
#include "paragon/platform/kernel.hpp"
#include "paragon/types/status.hpp"

namespace paragon::platform {

namespace host {

/// The device that the host platform pretends to be.
class pretended_device {
 public:
  device_info get() const {
    const std::lock_guard lock(mutex_);
    return info_;
  }

  void set(const device_info& info) {
    const std::lock_guard lock(mutex_);
    info_ = info;
  }

  static pretended_device& instance() {
    static pretended_device device;
    return device;
  }

 private:
  mutable std::mutex mutex_;
  device_info info_{"host", target_family::cdna3, 4, fp8_hardware::none};
};

/// Makes `query_device` describe this device from now on, for tests. Kernels of all targets run whatever it says.
inline void set_device(const device_info& info) { pretended_device::instance().set(info); }

}  // namespace host

/// Describes the device of the next launch.
inline status query_device(device_info& info) {
  info = host::pretended_device::instance().get();
  return status::success();
}

/// Runs `Kernel` on `workgroups` workgroups of `waves` waves of `Kernel::target::wave_size` lanes, each workgroup with
/// `shared_bytes` bytes of shared memory, aligned to 16 bytes, of undefined content (here: 0xff, which is NaN). Here it
/// returns when the last workgroup has ended. No workgroups: nothing to do, success.
///
/// A kernel is a struct with
/// - `using arguments`: a trivially copyable type,
/// - `using target`: one of paragon::target,
/// - `static constexpr int max_waves`,
/// - `static PARAGON_DEVICE void run(const arguments&, std::byte* shared)`,
/// - optionally `using kv`: its KV element type; the body is compiled only where the target reads it,
/// - optionally `static constexpr int resident_waves`: a compute unit is to hold so many waves of it at the same time,
///   which bounds the registers of each.
///
/// Errors: grid_limit if `workgroups` is negative, `waves` is outside 1 to max_waves or `shared_bytes` is more than
/// the target has.
template <class Kernel>
status launch(int workgroups, int waves, std::size_t shared_bytes, stream,
              const typename Kernel::arguments& arguments) {
  static_assert(std::is_trivially_copyable_v<typename Kernel::arguments>, "kernel arguments are copied as bytes");
  if (workgroups < 0) {
    return status::failure(status_code::grid_limit, "%d workgroups; the count must not be negative", workgroups);
  }
  if (const status refused = check_workgroup<Kernel>(waves, shared_bytes); !refused.ok()) return refused;
  if (workgroups == 0) return status::success();
  const auto run = [](const void* erased, std::byte* shared) {
    Kernel::run(*static_cast<const typename Kernel::arguments*>(erased), shared);
  };
  host::worker_pool::instance().run({run, &arguments, workgroups, waves, Kernel::target::wave_size, shared_bytes});
  return status::success();
}

/// How many workgroups of this size one compute unit holds at the same time. Here always 2.
/// Errors: grid_limit as for `launch`.
template <class Kernel> status occupancy(int waves, std::size_t shared_bytes, int& workgroups_per_compute_unit) {
  if (const status refused = check_workgroup<Kernel>(waves, shared_bytes); !refused.ok()) return refused;
  workgroups_per_compute_unit = 2;
  return status::success();
}

}  // namespace paragon::platform
