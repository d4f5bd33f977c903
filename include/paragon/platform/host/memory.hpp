#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>

#include "paragon/platform/host/workgroup.hpp"
#include "paragon/platform/macros.hpp"
#include "paragon/platform/target.hpp"
#include "paragon/platform/words.hpp"
#include "paragon/types/status.hpp"

namespace paragon::platform {

/// The queue that work is put into. Here everything has happened when a call returns, and the only stream is nullptr.
using stream = struct host_stream*;

namespace host {

/// GPUs fault on, or tear, a vector access that is not aligned to its size; the CPU would not notice.
template <int Bytes> void check_alignment(const void* address) {
  if (reinterpret_cast<std::uintptr_t>(address) % Bytes != 0) {
    kernel_error("access of %d bytes at %p, which is not aligned to its size", Bytes, address);
  }
}

}  // namespace host

/// Loads `Bytes` (4, 8 or 16) bytes from global memory that this launch reads once and does not write.
/// Precondition: `address` is aligned to `Bytes`.
template <int Bytes> PARAGON_DEVICE words<Bytes> load_streaming(const void* address) {
  static_assert(Bytes <= 16, "one load moves 4, 8 or 16 bytes");
  host::check_alignment<Bytes>(address);
  words<Bytes> result;
  std::memcpy(&result, address, Bytes);
  return result;
}

/// The same for 16 bytes that other waves want too.
PARAGON_DEVICE words<16> load_cached(const void* address) { return load_streaming<16>(address); }

/// An object that no one writes during the launch, all of it in one trip to memory.
template <class T> PARAGON_DEVICE T load_object(const T* object) { return *object; }

/// Nothing arrives before it is waited for: what reads too early reads what was there before.
template <> struct async_copies<target::sm80> {
  static constexpr bool available = true;

  static PARAGON_DEVICE void copy(void* shared, const void* global) {
    host::check_alignment<16>(shared);
    host::check_alignment<16>(global);
    host::workgroup_runner::active().copies().push_back({shared, global});
  }
  static PARAGON_DEVICE void wait() {
    auto& copies = host::workgroup_runner::active().copies();
    for (const host::pending_copy& one : copies) std::memcpy(one.to, one.from, 16);
    copies.clear();
  }
};

/// Stores `Bytes` (4, 8 or 16) bytes. Precondition: `address` is aligned to `Bytes`.
template <int Bytes> PARAGON_DEVICE void store(void* address, words<Bytes> value) {
  static_assert(Bytes <= 16, "one store moves 4, 8 or 16 bytes");
  host::check_alignment<Bytes>(address);
  std::memcpy(address, &value, Bytes);
}

/// A kernel's own arguments, read anew: what registers hold of them may be forgotten. Matters where a kernel has more
/// arguments than registers for them; elsewhere it does nothing. Precondition: `arguments` is what `run` was given.
template <class Arguments> PARAGON_DEVICE const Arguments& refetch(const Arguments& arguments) { return arguments; }

/// Asks for all of a kernel's arguments at once, so that those which are read later are near by then. Does nothing
/// where they always are.
template <class Arguments> PARAGON_DEVICE void prefetch_arguments(const Arguments&) {}

/// Adds one to a counter that all workgroups share and returns the value before. It orders nothing else.
PARAGON_DEVICE std::uint32_t take_ticket(std::uint32_t* counter) {
  return std::atomic_ref<std::uint32_t>(*counter).fetch_add(1, std::memory_order_relaxed);
}

/// Adds one to a counter for the wave, all of whose lanes call it: whoever awaits that sees what they wrote before.
template <class Wave> PARAGON_DEVICE void signal(std::uint32_t* counter) {
  Wave::converge();
  if (Wave::lane() == 0) std::atomic_ref<std::uint32_t>(*counter).fetch_add(1, std::memory_order_release);
}

/// Returns in the calling lane when `signals` signals have come; what the signalling waves wrote before is visible to
/// it then, and behind a barrier to its workgroup. Precondition: those who have not signalled yet are running, and do
/// so without waiting for another workgroup.
PARAGON_DEVICE void await(std::uint32_t* counter, std::uint32_t signals) {
  const std::atomic_ref<std::uint32_t> seen(*counter);
  while (seen.load(std::memory_order_acquire) != signals) std::this_thread::yield();
}

/// Raises `*target` to `value` if that is greater, atomically among all lanes of the device. NaN counts as greater than
/// every number. Precondition: neither is negative, -0 included.
PARAGON_DEVICE void atomic_max(float* target, float value) {
  std::atomic_ref<float> shared(*target);
  float seen = shared.load(std::memory_order_relaxed);
  while (std::bit_cast<std::uint32_t>(seen) < std::bit_cast<std::uint32_t>(value) &&
         !shared.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

/// Sets `bytes` bytes of device memory to `value`, in stream order. No bytes, no access.
inline status fill_bytes(void* device, int value, std::size_t bytes, stream) {
  if (bytes != 0) std::memset(device, value, bytes);
  return status::success();
}

/// Copies `bytes` bytes of device memory to the host, after everything that the stream holds. Waits for the stream: for
/// checked mode, examples and tests only.
inline status read_back(void* host, const void* device, std::size_t bytes, stream) {
  if (bytes != 0) std::memcpy(host, device, bytes);
  return status::success();
}

}  // namespace paragon::platform
