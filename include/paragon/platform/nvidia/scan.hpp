#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cub/block/block_scan.cuh>

#include "paragon/platform/macros.hpp"

namespace paragon::platform {

/// By CUB's scan; see host/scan.hpp.
template <int Lanes> struct workgroup_scan {
  static constexpr std::size_t shared_bytes = Lanes * sizeof(std::int64_t);

  static PARAGON_DEVICE std::int64_t inclusive_sum(std::int64_t value, std::int64_t& total, std::byte* shared) {
    using scan = cub::BlockScan<std::int64_t, Lanes, cub::BLOCK_SCAN_WARP_SCANS>;
    using storage = typename scan::TempStorage;
    static_assert(sizeof(storage) <= shared_bytes && alignof(storage) <= 16);
    std::int64_t sum;
    scan{*reinterpret_cast<storage*>(shared)}.InclusiveSum(value, sum, total);
    return sum;
  }
};

}  // namespace paragon::platform
