#pragma once

#include <cstddef>
#include <new>
#include <paragon/platform/macros.hpp>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#if PARAGON_PLATFORM_AMD
#include <hip/hip_runtime.h>
#elif PARAGON_PLATFORM_NVIDIA
#include <cuda_runtime.h>
#else
#include <cstring>
#endif

namespace examples {

/// Device memory of this build's platform, for programs that have no allocator of their own; the library never
/// allocates. On the host platform it is ordinary memory.
namespace device_memory {

#if PARAGON_PLATFORM_AMD

inline void expect(hipError_t error) {
  if (error != hipSuccess) throw std::runtime_error{hipGetErrorString(error)};
}
inline void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  expect(hipMalloc(&memory, bytes));
  return memory;
}
inline void release(void* memory) noexcept { static_cast<void>(hipFree(memory)); }
inline void copy(void* to, const void* from, std::size_t bytes) {
  expect(hipMemcpy(to, from, bytes, hipMemcpyDefault));
}
inline void synchronize() { expect(hipDeviceSynchronize()); }

#elif PARAGON_PLATFORM_NVIDIA

inline void expect(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error{cudaGetErrorString(error)};
}
inline void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  expect(cudaMalloc(&memory, bytes));
  return memory;
}
inline void release(void* memory) noexcept { static_cast<void>(cudaFree(memory)); }
inline void copy(void* to, const void* from, std::size_t bytes) {
  expect(cudaMemcpy(to, from, bytes, cudaMemcpyDefault));
}
inline void synchronize() { expect(cudaDeviceSynchronize()); }

#else

inline constexpr std::align_val_t alignment{256};  // as device allocators give, and more than any load needs
inline void* allocate(std::size_t bytes) { return ::operator new(bytes, alignment); }
inline void release(void* memory) noexcept { ::operator delete(memory, alignment); }
inline void copy(void* to, const void* from, std::size_t bytes) {
  if (bytes != 0) std::memcpy(to, from, bytes);
}
inline void synchronize() {}

#endif

}  // namespace device_memory

/// `size` elements in device memory, uninitialised or copied from the host. Owns them; moves, does not copy. Failures
/// of the device's runtime are `std::runtime_error`s in its own words.
template <class T> class device_vector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit device_vector(std::size_t size)
      : data_{static_cast<T*>(device_memory::allocate(size * sizeof(T)))}, size_{size} {}

  explicit device_vector(std::span<const T> host) : device_vector(host.size()) {
    device_memory::copy(data_, host.data(), bytes());
  }

  explicit device_vector(const std::vector<T>& host) : device_vector(std::span{host}) {}

  device_vector(device_vector&& other) noexcept
      : data_{std::exchange(other.data_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
  device_vector& operator=(device_vector other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~device_vector() { device_memory::release(data_); }

  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return size_ * sizeof(T); }

  /// A copy in host memory; waits for the device.
  [[nodiscard]] std::vector<T> to_host() const {
    std::vector<T> host(size_);
    device_memory::synchronize();
    device_memory::copy(host.data(), data_, bytes());
    return host;
  }

 private:
  T* data_;
  std::size_t size_;
};

}  // namespace examples
