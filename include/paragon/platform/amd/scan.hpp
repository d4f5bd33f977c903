#pragma once

#include <hip/hip_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>  // rocPRIM calls memcpy without including it
#include <rocprim/block/block_scan.hpp>

#include "paragon/platform/macros.hpp"

namespace paragon::platform {

/// By rocPRIM's scan; see host/scan.hpp.
template <int Lanes> struct workgroup_scan {
  /// Enough for waves of every width: what rocPRIM needs depends on it, and the host does not know it.
  static constexpr std::size_t shared_bytes = Lanes * sizeof(std::int64_t);

  static PARAGON_DEVICE std::int64_t inclusive_sum(std::int64_t value, std::int64_t& total, std::byte* shared) {
    using scan = rocprim::block_scan<std::int64_t, Lanes>;
    using storage = typename scan::storage_type;
    static_assert(sizeof(storage) <= shared_bytes && alignof(storage) <= 16);
    std::int64_t sum;
    scan{}.inclusive_scan(value, sum, total, *reinterpret_cast<storage*>(shared));
    return sum;
  }
};

}  // namespace paragon::platform
