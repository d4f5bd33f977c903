#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>

#include "paragon/platform/host/wave.hpp"
#include "paragon/platform/host/workgroup.hpp"
#include "paragon/platform/macros.hpp"

namespace paragon::platform {

/// Sums over the lanes of a workgroup of exactly `Lanes` lanes, in the order of waves and of lanes in them. Works on
/// every target.
template <int Lanes> struct workgroup_scan {
  /// What a call needs of shared memory, aligned to 16 bytes; free again after the next barrier().
  static constexpr std::size_t shared_bytes = Lanes * sizeof(std::int64_t);

  /// The sum of what the calling lane and all before it pass; `total` becomes the sum over all lanes. A barrier: every
  /// lane of the workgroup must call it.
  static PARAGON_DEVICE std::int64_t inclusive_sum(std::int64_t value, std::int64_t& total, std::byte* shared) {
    const auto& runner = host::workgroup_runner::active();
    const int wave_size = Lanes / runner.waves(), lane = runner.wave() * wave_size + runner.lane();
    runner.check_wave_size(wave_size);
    auto* values = reinterpret_cast<std::int64_t*>(shared);
    values[lane] = value;
    barrier();
    if (lane == 0) std::inclusive_scan(values, values + Lanes, values);
    barrier();
    total = values[Lanes - 1];
    return values[lane];
  }
};

}  // namespace paragon::platform
