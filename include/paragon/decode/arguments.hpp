#pragma once

#include <cstdint>
#include <paragon/decode/fast_division.hpp>
#include <paragon/decode/tile_shape.hpp>
#include <paragon/decode/variant.hpp>
#include <paragon/plan/batch.hpp>
#include <paragon/view/view.hpp>

namespace paragon {

/// What distinguishes one decode kernel from another, besides its target. The layout is not among it: kernels read
/// strides.
template <class Query, class KV, int HeadDim, int ValueDim, class Descale, class Variant, class Out>
struct kernel_traits {
  using query = Query;
  using kv = KV;
  using descale = Descale;
  using variant = Variant;
  using out = Out;
  static constexpr int head_dim = HeadDim;
  static constexpr int value_dim = ValueDim;

  /// The fp8 numbers whose sum a query element is: as such, a matrix unit for fp8 multiplies it with an fp8 cache.
  static constexpr int terms = std::is_same_v<Query, bf16> ? 2 : 3;
  template <class Target> static constexpr bool splits = fp8_element<KV>&& terms <= Target::fp8_terms;

  /// What the matrix atoms of a target multiply: caches as they are where they can; fp8 elsewhere as fp16, which holds
  /// every e4m3 number exactly.
  template <class Target>
  using fragment =
      std::conditional_t<splits<Target>, mma::fp8_terms<KV, terms>, std::conditional_t<fp8_element<KV>, fp16, KV>>;

  /// The target whose kernel runs on devices of `Target`: one for all of CDNA, unless its generations differ in it.
  template <class Target>
  using kernel_target =
      std::conditional_t<fp8_element<KV> && (terms == 2 || splits<Target>), Target, typename Target::general>;
};

/// The workgroups that have come to a node of the tree over an item's parts.
struct node_counters {
  std::uint32_t tickets;
  std::uint32_t states;  ///< signals that they have left theirs, one for each wave that has some of it
};

/// Where workgroups leave what others need: see `decode<Config>::workspace_size` for the layout.
struct decode_scratch {
  const std::int64_t* unit_indptr;       ///< [requests + 1]: the plan
  const plan::request_lengths* lengths;  ///< [requests]
  const plan::start* starts;             ///< [workgroups]
  node_counters* arrivals;               ///< [tree_levels, workgroups, 2]: zero between launches
  float* states;                         ///< [workgroups, 2, state_floats]
};

/// The arguments of a decode kernel: plain values, checked on the host.
template <class Traits> struct kernel_arguments {
  heads_view<const typename Traits::query> query;
  paged_tensor<typename Traits::kv> keys;
  paged_tensor<typename Traits::kv> values;
  std::uint32_t pages;
  [[no_unique_address]] typename Traits::descale descale;
  [[no_unique_address]] typename Traits::variant variant;
  plan::batch batch;
  fast_divisor by_page_size;
  fast_divisor by_group_size;
  heads_view<typename Traits::out> out;
  float out_factor;  ///< 1 / output scale; 1 unless the output is fp8
  any_lse lse;
  float softmax_scale;
  wave_grid grid;
  decode_scratch scratch;
};

}  // namespace paragon
