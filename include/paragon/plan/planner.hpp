#pragma once

#include <cstddef>
#include <cstdint>
#include <paragon/plan/batch.hpp>
#include <paragon/platform/platform.hpp>

namespace paragon::plan {

/// Makes the plan of a decode launch: one workgroup that reads the tables, sums up the units per request, and finds
/// where each workgroup of the decode launch starts.
struct planner {
  using target = platform::target::any;
  static constexpr int lanes = 512;
  static constexpr int max_waves = lanes / target::wave_size;

  struct arguments {
    plan::batch batch;
    int workgroups;             ///< of the decode launch
    std::int64_t* unit_indptr;  ///< [requests + 1]
    start* starts;              ///< [workgroups]
    std::uint32_t* arrivals;    ///< [arrival_count]: become zeros
    int arrival_count;
  };

  /// Shared memory of the launch, which is of all lanes. Precondition: there are requests.
  static constexpr std::size_t shared_bytes(int requests) {
    return scan::shared_bytes +
           (in_shared(requests) ? (static_cast<std::size_t>(requests) + 1) * sizeof(std::int64_t) : 0);
  }

  static PARAGON_DEVICE void run(const arguments& a, std::byte* shared) {
    using wave = platform::wave_ops<target::wave_size>;
    const int lane = wave::index() * target::wave_size + wave::lane();
    const bool alike = are_alike(a, lane, shared);
    const int lead = a.batch.lead(alike);
    const std::int64_t* unit_indptr = sum_units(a, lead, lane, shared);
    const int sharing = a.batch.sharing(unit_indptr[a.batch.requests.count], alike, a.workgroups);
    for (int w = lane; w < a.workgroups; w += lanes)
      a.starts[w] = platform::refetch(a).batch.start_of(unit_indptr, lead, sharing, w);
    for (int i = lane; i < a.arrival_count; i += lanes) a.arrivals[i] = 0;
  }

 private:
  using scan = platform::workgroup_scan<lanes>;

  /// Searching the sums is a chain of loads, so they go to shared memory too, unless they are very many.
  static PARAGON_HD constexpr bool in_shared(int requests) { return requests < 4096; }

  /// Whether all requests have as many units as the first.
  static PARAGON_DEVICE bool are_alike(const arguments& a, int lane, std::byte* shared) {
    const int requests = a.batch.requests.count;
    const std::int64_t usual = a.batch.units(0, 0);
    std::int64_t unlike = 0, total;
    for (int r = lane; r < requests; r += lanes) unlike += a.batch.units(r, 0) != usual ? 1 : 0;
    scan::inclusive_sum(unlike, total, shared);
    platform::barrier();
    return total == 0;
  }

  /// Writes unit_indptr; returns where all lanes can read it.
  static PARAGON_DEVICE const std::int64_t* sum_units(const arguments& a, int lead, int lane, std::byte* shared) {
    const int requests = a.batch.requests.count;
    auto* copy = in_shared(requests) ? reinterpret_cast<std::int64_t*>(shared + scan::shared_bytes) : a.unit_indptr;
    if (lane == 0) copy[0] = a.unit_indptr[0] = 0;
    std::int64_t before = 0;
    for (int first = 0; first < requests; first += lanes) {
      const int r = first + lane;
      std::int64_t total;
      const std::int64_t units = r < requests ? a.batch.units(r, lead) : 0;
      const std::int64_t sum = before + scan::inclusive_sum(units, total, shared);
      if (r < requests) copy[r + 1] = a.unit_indptr[r + 1] = sum;
      before += total;
      platform::barrier();
    }
    return copy;
  }
};

}  // namespace paragon::plan
