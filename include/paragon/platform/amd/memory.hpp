#pragma once

#include <hip/hip_runtime.h>

#include <cstddef>
#include <cstdint>

#include "paragon/platform/amd/status.hpp"
#include "paragon/platform/macros.hpp"
#include "paragon/platform/words.hpp"
#include "paragon/types/status.hpp"

// Pointers get and lose their address space by C-style casts: C++ has no cast for it.

namespace paragon::platform {

/// The queue that work is put into.
using stream = hipStream_t;

namespace amd {

/// Operand of s_waitcnt on gfx9 that waits for all loads from and stores to global memory, and for nothing else.
inline constexpr int wait_for_vector_memory = 0x0f70;

/// The vector that one load or store of `Bytes` bytes moves.
template <int Bytes> using vector_of = std::uint32_t __attribute__((ext_vector_type(Bytes / 4)));

}  // namespace amd

/// One global (not flat) load, marked as not to be kept in the caches.
template <int Bytes> PARAGON_DEVICE words<Bytes> load_streaming(const void* address) {
  static_assert(Bytes <= 16, "one load moves 4, 8 or 16 bytes");
  using global_vector = const __attribute__((address_space(1))) amd::vector_of<Bytes>;
  return __builtin_bit_cast(words<Bytes>, __builtin_nontemporal_load((global_vector*)(address)));
}

PARAGON_DEVICE words<16> load_cached(const void* address) {
  using global_vector = const __attribute__((address_space(1))) amd::vector_of<16>;
  return __builtin_bit_cast(words<16>, *(global_vector*)(address));
}

template <class T> PARAGON_DEVICE T load_object(const T* object) { return *object; }

template <int Bytes> PARAGON_DEVICE void store(void* address, words<Bytes> value) {
  static_assert(Bytes <= 16, "one store moves 4, 8 or 16 bytes");
  *static_cast<amd::vector_of<Bytes>*>(address) = __builtin_bit_cast(amd::vector_of<Bytes>, value);
}

/// Loads from the segment that the launch wrote them to, where they come first. To the compiler the address may be
/// another one each time, or it would load all arguments at the kernel's start and keep them in (spilled) scalar
/// registers.
template <class Arguments> PARAGON_DEVICE const Arguments& refetch(const Arguments&) {
  auto* segment = __builtin_amdgcn_kernarg_segment_ptr();
  asm volatile("" : "+s"(segment));
  return *(const Arguments*)(segment);
}

/// Scalar caches begin a launch empty, and each line of the arguments that is first read later would be a trip to
/// memory by itself. Here all lines come in one.
template <class Arguments> PARAGON_DEVICE void prefetch_arguments(const Arguments&) {
  constexpr int line = 64, lines = (sizeof(Arguments) + line - 1) / line;
  const auto* words = (const volatile __attribute__((address_space(4))) int*)__builtin_amdgcn_kernarg_segment_ptr();
  int of_line[lines];
  PARAGON_UNROLL
  for (int i = 0; i < lines; ++i) of_line[i] = words[i * (line / sizeof(int))];
  PARAGON_UNROLL
  for (const int word : of_line) asm volatile("" ::"s"(word));
}

PARAGON_DEVICE std::uint32_t take_ticket(std::uint32_t* counter) {
  return __hip_atomic_fetch_add(counter, 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}

template <class Wave> PARAGON_DEVICE void signal(std::uint32_t* counter) {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "agent");
#if defined(__gfx942__) || defined(__gfx950__)
  // Clang up to version 22 lets the counter be raised before the cache is written back to where the other dies see it.
  __builtin_amdgcn_s_waitcnt(amd::wait_for_vector_memory);
#endif
  if (Wave::lane() == 0) __hip_atomic_fetch_add(counter, 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}

PARAGON_DEVICE void await(std::uint32_t* counter, std::uint32_t signals) {
  while (__hip_atomic_load(counter, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT) != signals) __builtin_amdgcn_s_sleep(1);
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "agent");
}

PARAGON_DEVICE void atomic_max(float* target, float value) {
  // Without signs, floats are ordered as their bits are, and NaN is the greatest.
  __hip_atomic_fetch_max(reinterpret_cast<std::uint32_t*>(target), __builtin_bit_cast(std::uint32_t, value),
                         __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}

inline status fill_bytes(void* device, int value, std::size_t bytes, stream on) {
  if (bytes == 0) return status::success();
  return status_of(hipMemsetAsync(device, value, bytes, on), "hipMemsetAsync");
}

inline status read_back(void* host, const void* device, std::size_t bytes, stream on) {
  if (bytes == 0) return status::success();
  const status copied = status_of(hipMemcpyAsync(host, device, bytes, hipMemcpyDeviceToHost, on), "hipMemcpyAsync");
  if (!copied.ok()) return copied;
  return status_of(hipStreamSynchronize(on), "hipStreamSynchronize");
}

}  // namespace paragon::platform
