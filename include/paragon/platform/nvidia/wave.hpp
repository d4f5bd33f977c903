#pragma once

#include <cuda_runtime.h>

#include "paragon/platform/macros.hpp"

namespace paragon::platform {

/// Operations of one wave (CUDA's warp); see host/wave.hpp.
template <int WaveSize> struct wave_ops {
  static_assert(WaveSize == 32, "a wave has 32 lanes on NVIDIA");

  static constexpr int size = WaveSize;

  static PARAGON_DEVICE int lane() { return static_cast<int>(threadIdx.x % WaveSize); }

  static PARAGON_DEVICE int lane_again() { return lane(); }

  static PARAGON_DEVICE int index() { return static_cast<int>(threadIdx.x / WaveSize); }

  static PARAGON_DEVICE int count() { return static_cast<int>(blockDim.x / WaveSize); }

  static PARAGON_DEVICE void converge() { __syncwarp(); }

  static PARAGON_DEVICE bool any(bool condition) { return __any_sync(all_lanes, condition) != 0; }

  template <class T> static PARAGON_DEVICE T shuffle(T value, int source_lane) {
    static_assert(sizeof(T) == 4, "lanes exchange 32-bit values");
    return __builtin_bit_cast(T, __shfl_sync(all_lanes, __builtin_bit_cast(int, value), source_lane));
  }

  template <int Mask, class T> static PARAGON_DEVICE T shuffle_xor(T value) {
    static_assert(sizeof(T) == 4, "lanes exchange 32-bit values");
    static_assert(Mask > 0 && Mask < WaveSize, "the mask must name another lane of the wave");
    return __builtin_bit_cast(T, __shfl_xor_sync(all_lanes, __builtin_bit_cast(int, value), Mask));
  }

 private:
  static constexpr unsigned all_lanes = 0xffffffffu;
};

template <class T> PARAGON_DEVICE T uniform(const T& value) { return value; }

PARAGON_DEVICE int workgroup() { return static_cast<int>(blockIdx.x); }

PARAGON_DEVICE int workgroups() { return static_cast<int>(gridDim.x); }

/// ptxas weighs registers itself.
PARAGON_DEVICE void schedule_barrier() {}

PARAGON_DEVICE void barrier() { __syncthreads(); }

}  // namespace paragon::platform
