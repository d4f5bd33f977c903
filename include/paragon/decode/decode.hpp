#pragma once

#include <paragon/decode/geometry.hpp>
#include <paragon/decode/table_check.hpp>

namespace paragon {

/// Decode attention for one configuration: each query token attends over its request's paged KV cache.
///
///   using decode = paragon::decode<decode_config<bf16, fp8_e4m3fn, nhd, 128>>;
///   std::size_t bytes;
///   status s = decode::workspace_size(arguments, bytes);             // once; allocate
///   s = decode::run(arguments, {memory, bytes}, stream);             // one layer, or:
///   s = decode::plan(arguments, {memory, bytes}, stream);            // once per step
///   s = decode::run_planned(arguments, {memory, bytes}, stream);     // for each layer of the step
///
/// All calls only put work into the stream (but `check_tables`, which waits for it): they allocate nothing and can be
/// captured in a graph. The tables are read on the device, so a replayed graph follows lengths that have changed. Two
/// runs on the same input give the same bits. Every refusal is a status; nothing is launched then.
template <class Config> struct decode {
  using arguments = decode_arguments<Config>;

  /// Bytes that `run`, `plan` and `run_planned` need for calls of this shape on the current device: they depend on the
  /// number of requests, heads and query tokens per request and on the device, not on lengths.
  static status workspace_size(const arguments& a, std::size_t& bytes) {
    return detail::with_kernel(a, [&]<class Kernel>(const detail::decode_geometry& g) {
      bytes = std::max(g.total, sizeof(table_report));
      return status::success();
    });
  }

  /// Plans, then decodes.
  static status run(const arguments& a, const workspace& w, platform::stream stream) {
    return detail::with_kernel(a, [&]<class Kernel>(const detail::decode_geometry& g) {
      if (a.requests.count == 0) return status::success();
      if (status s = check_workspace(g, w); !s) return s;
      if (status s = put_plan(g, w, stream); !s) return s;
      return launch<Kernel>(a, g, w, stream);
    });
  }

  /// Divides the step's work: reads the tables, leaves the plan in the workspace.
  static status plan(const arguments& a, const workspace& w, platform::stream stream) {
    return detail::with_kernel(a, [&]<class Kernel>(const detail::decode_geometry& g) {
      if (a.requests.count == 0) return status::success();
      if (status s = check_workspace(g, w); !s) return s;
      return put_plan(g, w, stream);
    });
  }

  /// Decodes by the plan that `plan` left in the workspace for the same tables, page size, head counts and query
  /// tokens.
  static status run_planned(const arguments& a, const workspace& w, platform::stream stream) {
    return detail::with_kernel(a, [&]<class Kernel>(const detail::decode_geometry& g) {
      if (a.requests.count == 0) return status::success();
      if (status s = check_workspace(g, w); !s) return s;
      return launch<Kernel>(a, g, w, stream);
    });
  }

  /// Checked mode: validates what lies in device memory (page table, query table, device-side descales) and names the
  /// first request at fault. Waits for the stream, so it cannot be captured.
  static status check_tables(const arguments& a, const workspace& w, platform::stream stream) {
    if (status s = detail::check_request(a); !s) return s;
    return detail::check_tables(a, w, stream);
  }

 private:
  static std::byte* at(const workspace& w, std::size_t offset) { return static_cast<std::byte*>(w.data) + offset; }

  static status check_workspace(const detail::decode_geometry& g, const workspace& w) {
    if (w.bytes < g.total)
      return status::failure(status_code::workspace_too_small, "the workspace has %zu bytes; this call needs %zu",
                             w.bytes, g.total);
    if (status s = detail::check_pointers({{"workspace", w.data}}); !s) return s;
    return detail::check_alignment("workspace", w.data, 256);
  }

  static status put_plan(const detail::decode_geometry& g, const workspace& w, platform::stream stream) {
    using planner = paragon::plan::planner;
    const planner::arguments values{.batch = g.batch,
                                    .workgroups = g.workgroups,
                                    .unit_indptr = reinterpret_cast<std::int64_t*>(at(w, g.unit_indptr)),
                                    .lengths = reinterpret_cast<paragon::plan::request_lengths*>(at(w, g.lengths)),
                                    .starts = reinterpret_cast<paragon::plan::start*>(at(w, g.starts)),
                                    .arrivals = static_cast<std::uint32_t*>(w.data),
                                    .arrival_count = g.arrivals()};
    const int requests = g.batch.requests.count;
    return platform::launch<planner>(planner::launch_workgroups(requests, g.workgroups), planner::max_waves,
                                     planner::shared_bytes(requests), stream, values);
  }

  template <class Kernel>
  static status launch(const arguments& a, const detail::decode_geometry& g, const workspace& w,
                       platform::stream stream) {
    using output = detail::output_view<typename Config::out>;
    const typename Kernel::arguments values{
        .query = a.query,
        .keys = a.kv.k,
        .values = a.kv.v,
        .pages = static_cast<std::uint32_t>(a.kv.shape.pages),
        .descale = a.kv.descale,
        .variant = a.variant,
        .batch = g.batch,
        .by_page_size = fast_divisor{a.kv.shape.page_size},
        .by_group_size = fast_divisor{g.batch.group_size},
        .out = output::heads(a.out),
        .out_factor = output::factor(a.out),
        .lse = a.lse,
        .softmax_scale = a.softmax_scale,
        .grid = g.grid,
        .scratch = {.unit_indptr = reinterpret_cast<const std::int64_t*>(at(w, g.unit_indptr)),
                    .lengths = reinterpret_cast<const paragon::plan::request_lengths*>(at(w, g.lengths)),
                    .starts = reinterpret_cast<const paragon::plan::start*>(at(w, g.starts)),
                    .arrivals = static_cast<node_counters*>(w.data),
                    .states = reinterpret_cast<float*>(at(w, g.states))}};
    return platform::launch<Kernel>(g.workgroups, g.grid.waves(), g.shared_bytes, stream, values);
  }
};

}  // namespace paragon
