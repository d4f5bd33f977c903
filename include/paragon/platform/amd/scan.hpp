#pragma once

#include <hip/hip_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>  // rocPRIM calls memcpy without including it
#include <rocprim/device/device_scan.hpp>
#include <rocprim/functional.hpp>
#include <rocprim/iterator/counting_iterator.hpp>
#include <rocprim/iterator/transform_iterator.hpp>

#include "paragon/platform/amd/memory.hpp"
#include "paragon/platform/amd/status.hpp"
#include "paragon/types/status.hpp"

namespace paragon::platform {

/// By rocPRIM's scan; see host/launch.hpp.
template <class ValueAt>
status inclusive_sum(void* temporary, std::size_t& temporary_bytes, int count, ValueAt value_at, std::int64_t* out,
                     stream on) {
  if (count < 0) {
    return status::failure(status_code::bad_shape, "a sum of %d values; the count must not be negative", count);
  }
  const auto values = rocprim::make_transform_iterator(rocprim::counting_iterator<int>(0), value_at);
  const auto scan = [&](void* memory, std::size_t& bytes) {
    return rocprim::inclusive_scan(memory, bytes, values, out, static_cast<std::size_t>(count),
                                   rocprim::plus<std::int64_t>(), on);
  };
  std::size_t needed = 0;
  const status sized = status_of(scan(nullptr, needed), "rocprim::inclusive_scan");
  if (!sized.ok()) return sized;
  if (temporary == nullptr) {
    temporary_bytes = needed;
    return sized;
  }
  if (temporary_bytes < needed) {
    return status::failure(status_code::workspace_too_small, "%zu bytes of temporary memory for a sum; it needs %zu",
                           temporary_bytes, needed);
  }
  return status_of(scan(temporary, needed), "rocprim::inclusive_scan");
}

}  // namespace paragon::platform
