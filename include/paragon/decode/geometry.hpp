#pragma once

#include <algorithm>
#include <bit>
#include <paragon/decode/checks.hpp>
#include <paragon/decode/kernel.hpp>
#include <paragon/plan/planner.hpp>

namespace paragon {

/// Device memory for a decode call: at least `decode<Config>::workspace_size` bytes, aligned to 256. Calls in flight at
/// the same time need one each.
struct workspace {
  void* data;
  std::size_t bytes;
};

namespace detail {

/// The launch of one call on one device, from the kernel's shape: planner, launcher, occupancy query and workspace all
/// read this.
struct decode_geometry {
  wave_grid grid;
  std::size_t shared_bytes;
  int workgroups;
  plan::batch batch;

  // Offsets in the workspace, in bytes.
  std::size_t unit_indptr;
  std::size_t lengths;
  std::size_t starts;
  std::size_t states;
  std::size_t total;

  /// Words of the nodes' counters.
  int arrivals() const {
    constexpr int words = sizeof(node_counters) / sizeof(std::uint32_t);
    return words * plan::tree_levels * 2 * workgroups;
  }
};

/// Calls f.operator()<Kernel>() with the kernel for `rows` query rows on devices of `Target`. More of them than a
/// column block takes make two blocks where that may be, so that a tile of keys is read once for twice the rows. As
/// three terms they would need twice the columns that fp16 needs.
template <class Traits, class Target, class F> constexpr void with_kernel_for(int rows, F f) {
  using target = typename Traits::template kernel_target<Target>;
  using narrow = decode_kernel<Traits, target, 1>;
  using shape = typename narrow::shape;
  if constexpr (shape::may_double) {
    if (rows > shape::columns) return f.template operator()<decode_kernel<Traits, target, 2>>();
  } else if constexpr (shape::lanes::terms > 2) {
    if (rows > shape::columns) return f.template operator()<decode_kernel<Traits, typename Target::general, 1>>();
  }
  f.template operator()<narrow>();
}

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

template <class Config> plan::batch make_batch(const decode_arguments<Config>& r) {
  return {.requests = r.requests,
          .queries = r.queries,
          .page_size = r.kv.shape.page_size,
          .window = std::min(r.variant.window(), plan::max_tokens),
          .group_size = r.query.heads / r.kv.shape.kv_heads,
          .head_groups = r.kv.shape.kv_heads,
          .tile_bits = 0,
          .rows_per_pass = 0,
          .heads_per_pass = 1,
          .costs = {.at_once_bits = 0, .level_time = 0}};
}

template <class Kernel>
status make_geometry(const plan::batch& batch, const platform::device_info& device, decode_geometry& g) {
  using shape = typename Kernel::shape;
  g.batch = batch;
  g.grid = shape::grid(batch.group_size * batch.queries.per_request, batch.head_groups);
  g.batch.tile_bits = shape::tile_bits(g.grid);
  g.batch.rows_per_pass = shape::rows_per_pass(g.grid);
  g.batch.heads_per_pass = g.grid.head();
  g.batch.costs = {.at_once_bits = g.grid.token_bits + std::countr_zero(unsigned{shape::merged_at_once}),
                   .level_time = shape::level_time};
  g.batch.head_groups /= g.batch.heads_per_pass;
  g.shared_bytes = shape::shared_bytes(g.grid);
  int per_compute_unit = 0;
  if (status s = platform::occupancy<Kernel>(g.grid.waves(), g.shared_bytes, per_compute_unit); !s) return s;
  g.workgroups = device.compute_units * std::max(per_compute_unit, 1);

  const auto workgroups = static_cast<std::size_t>(g.workgroups);
  const auto requests = static_cast<std::size_t>(batch.requests.count);
  g.unit_indptr = aligned(static_cast<std::size_t>(g.arrivals()) * sizeof(std::uint32_t));
  g.lengths = g.unit_indptr + aligned((requests + 1) * sizeof(std::int64_t));
  g.starts = g.lengths + aligned(requests * sizeof(plan::request_lengths));
  g.states = g.starts + aligned(workgroups * sizeof(plan::start));
  g.total = g.states + aligned(2 * workgroups * static_cast<std::size_t>(shape::state_floats(g.grid)) * sizeof(float));
  return status::success();
}

/// Checks a call, finds the kernel for the current device and calls f.operator()<Kernel>(geometry) -> status.
template <class Config, class F> status with_kernel(const decode_arguments<Config>& r, F f) {
  if (status s = check_request(r); !s) return s;
  platform::device_info device;
  if (status s = platform::query_device(device); !s) return s;
  if (status s = check_format<typename Config::kv>(device); !s) return s;
  if constexpr (fp8_element<typename Config::out>)
    if (status s = check_format<typename Config::out>(device); !s) return s;
  const plan::batch batch = make_batch(r);
  status result = status::failure(status_code::unsupported_device, "this build has no kernels for %s", device.name);
  platform::targets::visit(device.family, [&]<class Target>(Target) {
    const int rows = batch.group_size * batch.queries.per_request;
    with_kernel_for<typename Config::traits, Target>(rows, [&]<class Kernel>() {
      decode_geometry geometry{};
      result = make_geometry<Kernel>(batch, device, geometry);
      if (result.ok()) result = f.template operator()<Kernel>(geometry);
    });
  });
  return result;
}

}  // namespace detail
}  // namespace paragon
