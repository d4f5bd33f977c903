#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "paragon/platform/macros.hpp"
#include "paragon/platform/nvidia/status.hpp"
#include "paragon/platform/target.hpp"
#include "paragon/platform/words.hpp"
#include "paragon/types/status.hpp"

namespace paragon::platform {

/// The queue that work is put into.
using stream = cudaStream_t;

/// Through the read-only path, without a place in the first-level cache. Volatile, so that loads stay ahead of the
/// arithmetic where a kernel has put them.
template <int Bytes> PARAGON_DEVICE words<Bytes> load_streaming(const void* address) {
  static_assert(Bytes <= 16, "one load moves 4, 8 or 16 bytes");
  words<Bytes> result;
  if constexpr (Bytes == 16) {
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(result.w[0]), "=r"(result.w[1]), "=r"(result.w[2]), "=r"(result.w[3])
                 : "l"(address));
  } else if constexpr (Bytes == 8) {
    asm volatile("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];"
                 : "=r"(result.w[0]), "=r"(result.w[1])
                 : "l"(address));
  } else {
    asm volatile("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(result.w[0]) : "l"(address));
  }
  return result;
}

PARAGON_DEVICE words<16> load_cached(const void* address) {
  words<16> result;
  asm volatile("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(result.w[0]), "=r"(result.w[1]), "=r"(result.w[2]), "=r"(result.w[3])
               : "l"(address));
  return result;
}

/// Relaxed, which is enough to keep ptxas from requesting what is not needed at once later, in another trip.
template <class T> PARAGON_DEVICE T load_object(const T* object) {
  static_assert(sizeof(T) % 16 == 0 && alignof(T) % 16 == 0, "objects are loaded by 16 bytes");
  struct {
    words<16> piece[sizeof(T) / 16];
  } pieces;
  for (std::size_t i = 0; i < sizeof(T) / 16; ++i) {
    auto& w = pieces.piece[i].w;
    asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(w[0]), "=r"(w[1]), "=r"(w[2]), "=r"(w[3])
                 : "l"(reinterpret_cast<const words<16>*>(object) + i));
  }
  return __builtin_bit_cast(T, pieces);
}

/// By cp.async, past the first-level cache.
template <> struct async_copies<target::sm80> {
  static constexpr bool available = true;

  static PARAGON_DEVICE void copy(void* shared, const void* global) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
                 :
                 : "r"(static_cast<std::uint32_t>(__cvta_generic_to_shared(shared))), "l"(global)
                 : "memory");
  }
  static PARAGON_DEVICE void wait() { asm volatile("cp.async.wait_all;" : : : "memory"); }
};

template <int Bytes> PARAGON_DEVICE void store(void* address, words<Bytes> value) {
  static_assert(Bytes <= 16, "one store moves 4, 8 or 16 bytes");
  if constexpr (Bytes == 16) {
    *static_cast<uint4*>(address) = make_uint4(value.w[0], value.w[1], value.w[2], value.w[3]);
  } else if constexpr (Bytes == 8) {
    *static_cast<uint2*>(address) = make_uint2(value.w[0], value.w[1]);
  } else {
    *static_cast<std::uint32_t*>(address) = value.w[0];
  }
}

/// Arguments stay in the constant bank, from where every instruction can read them.
template <class Arguments> PARAGON_DEVICE const Arguments& refetch(const Arguments& arguments) { return arguments; }
template <class Arguments> PARAGON_DEVICE void prefetch_arguments(const Arguments&) {}

PARAGON_DEVICE std::uint32_t take_ticket(std::uint32_t* counter) {
  std::uint32_t before;
  asm volatile("atom.add.relaxed.gpu.global.u32 %0, [%1], 1;" : "=r"(before) : "l"(counter));
  return before;
}

template <class Wave> PARAGON_DEVICE void signal(std::uint32_t* counter) {
  Wave::converge();
  if (Wave::lane() == 0) asm volatile("red.add.release.gpu.global.u32 [%0], 1;" : : "l"(counter) : "memory");
}

PARAGON_DEVICE void await(std::uint32_t* counter, std::uint32_t signals) {
  std::uint32_t seen;
  do {
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(counter) : "memory");
  } while (seen != signals);
}

PARAGON_DEVICE void atomic_max(float* target, float value) {
  // Without signs, floats are ordered as their bits are, and NaN is the greatest.
  atomicMax(reinterpret_cast<unsigned*>(target), __float_as_uint(value));
}

inline status fill_bytes(void* device, int value, std::size_t bytes, stream on) {
  if (bytes == 0) return status::success();
  return status_of(cudaMemsetAsync(device, value, bytes, on), "cudaMemsetAsync");
}

inline status read_back(void* host, const void* device, std::size_t bytes, stream on) {
  if (bytes == 0) return status::success();
  const status copied = status_of(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, on), "cudaMemcpyAsync");
  if (!copied.ok()) return copied;
  return status_of(cudaStreamSynchronize(on), "cudaStreamSynchronize");
}

}  // namespace paragon::platform
