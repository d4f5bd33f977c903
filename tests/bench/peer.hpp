#pragma once

#include <bench/cases.hpp>
#include <functional>
#include <optional>

namespace paragon_bench {

/// What a peer is timed on: the very memory that decode was timed on. The types of elements follow from `of.kv`;
/// queries and outputs of an fp8 cache are bf16.
struct peer_call {
  const shape& of;
  const tables& host;
  const std::int32_t *indptr, *indices, *last_page_len;  ///< `host`, in device memory
  std::vector<const void*> keys, values;                 ///< of each data set
  const void* query;
  void* out;
  float score_scale;  ///< softmax scale times the descale of K; that of V is left out
  /// Throws unless `out` is what decode computed from the last data set: a peer that computes something else is none.
  std::function<void(const char* kernel)> check_out;
};

/// Microseconds of the peer's fastest kernel, planning not included; none where it does not support the shape.
#ifdef PARAGON_BENCH_PEER
template <int HeadDim> std::optional<double> peer_time(const peer_call& call);
#else
template <int> std::optional<double> peer_time(const peer_call&) { return std::nullopt; }
#endif

}  // namespace paragon_bench
