#pragma once

#include <cuda_runtime.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>

#include <cstddef>
#include <cstdint>
#include <cub/device/device_scan.cuh>

#include "paragon/platform/nvidia/memory.hpp"
#include "paragon/platform/nvidia/status.hpp"
#include "paragon/types/status.hpp"

namespace paragon::platform {

/// By CUB's scan; see host/launch.hpp.
template <class ValueAt>
status inclusive_sum(void* temporary, std::size_t& temporary_bytes, int count, ValueAt value_at, std::int64_t* out,
                     stream on) {
  if (count < 0) {
    return status::failure(status_code::bad_shape, "a sum of %d values; the count must not be negative", count);
  }
  const auto values = thrust::make_transform_iterator(thrust::counting_iterator<int>(0), value_at);
  const auto scan = [&](void* memory, std::size_t& bytes) {
    return cub::DeviceScan::InclusiveSum(memory, bytes, values, out, count, on);
  };
  std::size_t needed = 0;
  const status sized = status_of(scan(nullptr, needed), "cub::DeviceScan::InclusiveSum");
  if (!sized.ok()) return sized;
  if (temporary == nullptr) {
    temporary_bytes = needed;
    return sized;
  }
  if (temporary_bytes < needed) {
    return status::failure(status_code::workspace_too_small, "%zu bytes of temporary memory for a sum; it needs %zu",
                           temporary_bytes, needed);
  }
  return status_of(scan(temporary, needed), "cub::DeviceScan::InclusiveSum");
}

}  // namespace paragon::platform
