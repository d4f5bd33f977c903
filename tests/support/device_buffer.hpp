#pragma once

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "paragon/platform/platform.hpp"

namespace paragon_test {

/// Device memory as the tests' platform has it: raw bytes, and copies that wait for all work. Throws on failure.
namespace memory {

#if PARAGON_PLATFORM_HOST

inline void* allocate(std::size_t bytes) { return ::operator new (bytes, std::align_val_t{256}); }
inline void release(void* memory) { ::operator delete (memory, std::align_val_t{256}); }
inline void set(void* to, int value, std::size_t bytes) { std::memset(to, value, bytes); }
inline void copy(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

#elif PARAGON_PLATFORM_AMD

inline void check(hipError_t error) {
  if (error != hipSuccess) throw std::runtime_error(std::string("HIP: ") + hipGetErrorString(error));
}
inline void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  check(hipMalloc(&memory, bytes));
  return memory;
}
inline void release(void* memory) { static_cast<void>(hipFree(memory)); }
inline void set(void* to, int value, std::size_t bytes) {
  check(hipMemset(to, value, bytes));
  check(hipDeviceSynchronize());
}
inline void copy(void* to, const void* from, std::size_t bytes) {
  check(hipDeviceSynchronize());
  check(hipMemcpy(to, from, bytes, hipMemcpyDefault));
}

#else

inline void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}
inline void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes));
  return memory;
}
inline void release(void* memory) { static_cast<void>(cudaFree(memory)); }
inline void set(void* to, int value, std::size_t bytes) {
  check(cudaMemset(to, value, bytes));
  check(cudaDeviceSynchronize());
}
inline void copy(void* to, const void* from, std::size_t bytes) {
  check(cudaDeviceSynchronize());
  check(cudaMemcpy(to, from, bytes, cudaMemcpyDefault));
}

#endif

}  // namespace memory

/// An array in device memory. Its content starts as 0xff bytes: NaN in every float format, and no index that is valid
/// anywhere. Every transfer waits for the device.
template <class T> class device_buffer {
 public:
  static_assert(std::is_trivially_copyable_v<T>);

  explicit device_buffer(std::size_t count) : count_(count) {
    // A pointer that is not null, for empty arrays too.
    data_ = static_cast<T*>(memory::allocate(count == 0 ? 1 : bytes()));
    fill_bytes(0xff);
  }

  device_buffer(const std::vector<T>& values) : device_buffer(values.size()) { upload(values); }

  device_buffer(device_buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}

  device_buffer& operator=(device_buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  ~device_buffer() {
    if (data_ != nullptr) memory::release(data_);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }

  /// In elements.
  std::size_t size() const { return count_; }

  std::size_t bytes() const { return count_ * sizeof(T); }

  std::vector<T> download() const {
    std::vector<T> values(count_);
    if (count_ != 0) memory::copy(values.data(), data_, bytes());
    return values;
  }

  /// Precondition: as many values as the buffer holds.
  void upload(const std::vector<T>& values) {
    if (values.size() != count_) throw std::invalid_argument("device_buffer::upload: another number of values");
    if (count_ != 0) memory::copy(data_, values.data(), bytes());
  }

  void fill_bytes(int value) {
    if (count_ != 0) memory::set(data_, value, bytes());
  }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace paragon_test
