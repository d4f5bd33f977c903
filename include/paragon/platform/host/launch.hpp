#pragma once

#include <cstddef>
#include <cstdint>
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
  device_info info_{"host", target_family::cdna, 4, fp8_hardware::none};
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
/// - optionally `using kv`: its KV element type; the body is compiled only where the target reads it.
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

/// out[i] = value_at(0) + ... + value_at(i) for i < count, as int64, in stream order.
///
/// Called twice: with `temporary == nullptr` it only sets `temporary_bytes` to what it needs for `count`; then with
/// that many bytes of device memory. `value_at` is callable in host and device code, int -> int64. Errors: bad_shape if
/// `count` is negative; workspace_too_small.
template <class ValueAt>
status inclusive_sum(void* temporary, std::size_t& temporary_bytes, int count, ValueAt value_at, std::int64_t* out,
                     stream) {
  constexpr std::size_t needed = 16;  // nothing is kept there; zero would hide a caller that forgets the first call
  if (count < 0) {
    return status::failure(status_code::bad_shape, "a sum of %d values; the count must not be negative", count);
  }
  if (temporary == nullptr) {
    temporary_bytes = needed;
    return status::success();
  }
  if (temporary_bytes < needed) {
    return status::failure(status_code::workspace_too_small, "%zu bytes of temporary memory for a sum; it needs %zu",
                           temporary_bytes, needed);
  }
  std::int64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    sum += value_at(i);
    out[i] = sum;
  }
  return status::success();
}

}  // namespace paragon::platform
