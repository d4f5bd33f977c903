#pragma once

#include <cstddef>
#include <cstdint>
#include <paragon/plan/batch.hpp>
#include <paragon/platform/platform.hpp>

namespace paragon::plan {

/// Makes the plan of a decode launch: every workgroup reads the tables and sums up the units per request, then finds
/// where its part of the decode launch's workgroups start. Nobody waits for anybody, since the sums are cheap and the
/// starts are not: each takes some dozen divisions.
struct planner {
  using target = platform::target::any;
  static constexpr int lanes = 256;
  static constexpr int max_waves = lanes / target::wave_size;

  struct arguments {
    plan::batch batch;
    int workgroups;             ///< of the decode launch
    std::int64_t* unit_indptr;  ///< [requests + 1]
    request_lengths* lengths;   ///< [requests]
    start* starts;              ///< [workgroups]
    std::uint32_t* arrivals;    ///< [arrival_count]: become zeros
    int arrival_count;
  };

  /// Workgroups of the launch, for so many of the decode launch: as many as find 64 starts each, which a wave does at
  /// once. One where the sums are too many for shared memory, since it writes them for itself to read.
  static constexpr int launch_workgroups(int requests, int workgroups) {
    return in_shared(requests) ? (workgroups + 63) / 64 : 1;
  }
  /// Shared memory of the launch, which is of all lanes. Precondition: there are requests.
  static constexpr std::size_t shared_bytes(int requests) {
    return scan::shared_bytes +
           (in_shared(requests) ? (static_cast<std::size_t>(requests) + 1) * sizeof(std::int64_t) : 0);
  }

  static PARAGON_DEVICE void run(const arguments& a, std::byte* shared) {
    using wave = platform::wave_ops<target::wave_size>;
    const int lane = wave::index() * target::wave_size + wave::lane();
    const int requests = a.batch.requests.count;
    // Searching the sums is a chain of loads, so they go to shared memory, unless they are very many.
    auto* sums = in_shared(requests) ? reinterpret_cast<std::int64_t*>(shared + scan::shared_bytes) : a.unit_indptr;
    const int first = platform::workgroup(), step = platform::workgroups();
    const bool alike = sum_units(a.batch, sums, lane, shared);
    const int sharing = a.batch.sharing(sums[requests], alike, a.workgroups);
    for (int w = first + lane * step; w < a.workgroups; w += lanes * step)
      a.starts[w] = platform::refetch(a).batch.start_of(sums, a.batch.lead(alike), sharing, w);
    for (int i = first + lane * step; i < a.arrival_count; i += lanes * step) a.arrivals[i] = 0;
    if (first == 0) leave_requests(platform::refetch(a), sums, lane);
  }

 private:
  using scan = platform::workgroup_scan<lanes>;

  static PARAGON_HD constexpr bool in_shared(int requests) { return requests < 4096; }

  /// Whether all requests have as many units as the first; and the prefix sum of their units, with the lead that they
  /// then have, in `sums` for all lanes to read.
  static PARAGON_DEVICE bool sum_units(const plan::batch& batch, std::int64_t* sums, int lane, std::byte* shared) {
    const int requests = batch.requests.count;
    const std::int64_t usual = batch.units(batch.lengths(0), 0);
    std::int64_t before = 0, unlike = 0, total;
    for (int first = 0; first < requests; first += lanes) {
      const int r = first + lane;
      std::int64_t units = 0;
      if (r < requests) {
        const request_lengths own = batch.lengths(r);
        units = batch.units(own, batch.lead(false));
        unlike += batch.units(own, 0) != usual ? 1 : 0;
      }
      const std::int64_t sum = before + scan::inclusive_sum(units, total, shared);
      if (r < requests) sums[r + 1] = sum;
      before += total;
      platform::barrier();
    }
    scan::inclusive_sum(unlike, total, shared);
    if (total == 0)
      for (int r = lane; r < requests; r += lanes) sums[r + 1] = (r + 1) * usual;
    if (lane == 0) sums[0] = 0;
    platform::barrier();
    return total == 0;
  }

  /// What the decode launch asks of the requests that a share goes on to.
  static PARAGON_DEVICE void leave_requests(const arguments& a, const std::int64_t* sums, int lane) {
    const int requests = a.batch.requests.count;
    for (int r = lane; r <= requests; r += lanes) {
      if (sums != a.unit_indptr) a.unit_indptr[r] = sums[r];
      if (r < requests) a.lengths[r] = a.batch.lengths(r);
    }
  }
};

}  // namespace paragon::plan
