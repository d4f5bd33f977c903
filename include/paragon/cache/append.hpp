#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <paragon/cache/append_checks.hpp>
#include <paragon/cache/cache_slots.hpp>
#include <paragon/cache/row_maximum.hpp>

namespace paragon {

namespace detail {

/// The arguments of the append kernel: plain values, checked on the host.
template <class Source, class KV, class Descale, class Slots> struct append_arguments {
  heads_view<const Source> keys;
  heads_view<const Source> values;
  paged_target<KV> k;
  paged_target<KV> v;
  kv_shape shape;
  Descale descale;
  Slots slots;
  int lanes;
};

/// Every team of threads takes one row of K or V, that is one KV head of one new token, to its slot. The first half of
/// the workgroups takes keys, the second values.
template <int Run, class Source, class KV, class Descale, class Slots> struct append_kernel {
  using arguments = append_arguments<Source, KV, Descale, Slots>;
  using target = target::any;
  static constexpr int max_waves = row_waves;
  static constexpr std::size_t shared_bytes = Descale::by_token ? row_threads * sizeof(float) : 0;

  static PARAGON_DEVICE void run(const arguments& a, std::byte* shared) {
    const int half = platform::workgroups() / 2;
    const bool keys = platform::workgroup() < half;
    const row_team team = row_team::mine(a.lanes, keys ? platform::workgroup() : platform::workgroup() - half);
    const std::int64_t token = team.token(a.shape.kv_heads);
    const int head = team.head(a.shape.kv_heads);
    const cache_slot slot = token < a.keys.tokens ? a.slots.find(token, a.shape) : cache_slot::none();
    const row_move row = !slot.exists() ? row_move{nullptr, nullptr, 0}
                         : keys         ? between(a.keys, token, a.k, slot, head, a.shape.head_dim)
                                        : between(a.values, token, a.v, slot, head, a.shape.value_dim);
    if constexpr (Descale::by_token) {
      const float factor = own_factor(row, team, shared);
      if (slot.exists() && team.lane == 0)
        (keys ? a.descale.key : a.descale.value)[a.descale.strides.offset(slot.page, slot.index, head)] = factor;
      move(row, team, factor);
    } else {
      move(row, team, keys ? a.descale.key_factor(head) : a.descale.value_factor(head));
    }
  }

 private:
  struct row_move {
    const Source* from;
    KV* to;
    int dim;  // 0: nothing to move
  };

  static PARAGON_DEVICE row_move between(const heads_view<const Source>& source, std::int64_t token,
                                         const paged_target<KV>& pages, const cache_slot& slot, int head, int dim) {
    return {source.data + token * source.token_stride + head * source.head_stride,
            pages.data + pages.strides.offset(slot.page, slot.index, head), dim};
  }

  static PARAGON_DEVICE float own_factor(const row_move& row, const row_team& team, std::byte* shared) {
    const float mine = row_amax<Run>(row.from, row.dim, team.lane, team.lanes, 0.0f);
    return descale_for<KV>(team_maximum(mine, team.lane, team.lanes, reinterpret_cast<float*>(shared)));
  }

  static PARAGON_DEVICE void move(const row_move& row, const row_team& team, float factor) {
    for (int d = team.lane * Run; d < row.dim; d += team.lanes * Run) {
      if constexpr (std::same_as<Source, KV>) {
        copy_run<Run>(row.from + d, row.to + d);
      } else {
        float run[Run];
        load_run(row.from + d, run);
        if constexpr (fp8_element<KV>) {
          PARAGON_UNROLL
          for (float& x : run) x /= factor;
        }
        store_run(row.to + d, run);
      }
    }
  }
};

template <int Run, class Source, class KV, class Descale, class Slots>
status launch_append(append_arguments<Source, KV, Descale, Slots> arguments, platform::stream stream) {
  using kernel = append_kernel<Run, Source, KV, Descale, Slots>;
  const kv_shape& shape = arguments.shape;
  arguments.lanes = row_lanes(std::max(shape.head_dim, shape.value_dim), Run);
  const std::int64_t rows = std::int64_t{arguments.keys.tokens} * shape.kv_heads;
  return launch_rows<kernel>(2 * row_workgroups(rows, arguments.lanes), stream, arguments);
}

template <class Source, class KV, class Layout, class Descale, class Slots>
status append_to(const heads_view<const Source>& keys, const heads_view<const Source>& values,
                 const paged_kv_writer<KV, Layout, Descale>& cache, const Slots& slots, platform::stream stream) {
  for (const status& check :
       {check_cache(cache), check_new_tokens(keys, values, cache.shape), slots.check(keys.tokens, cache.shape)})
    if (!check) return check;
  const append_arguments<Source, KV, typename paged_kv_writer<KV, Layout, Descale>::descale_type, Slots> arguments{
      keys, values, cache.k, cache.v, cache.shape, cache.descale, slots, 0};
  const bool aligned =
      runs_are_aligned(keys) && runs_are_aligned(values) && runs_are_aligned(cache.k) && runs_are_aligned(cache.v);
  return aligned ? launch_append<run_elements>(arguments, stream) : launch_append<1>(arguments, stream);
}

}  // namespace detail

/// What new keys and values may be: numbers that are quantised already need no append.
template <class T>
concept append_source = std::same_as<T, float> || half_element<T>;

/// Writes new keys [tokens, kv_heads, head_dim] and values [tokens, kv_heads, value_dim] into the pages that `slots`
/// names; token i goes to slots[i], -1 skips it.
///
/// fp8 caches store  saturate(x / descale),  rounded to nearest even, NaN kept. With `per_token_head` the factor of a
/// row is found first,  amax / max_finite  over the finite elements and at least `min_descale` (a row of zeros has that
/// one, and stays zeros), and written next to it. 16-bit caches store x, rounded to nearest even, of their own type its
/// very bits. Every device writes both fp8 formats, the foreign one in software; it is decode that needs its own.
///
/// Nothing outside of the cache is written, whatever the slots are. Two tokens must not have the same slot. The source
/// must not overlap the cache. Moves 8 elements at a time where all addresses and strides are multiples of that.
///
/// Errors: null_pointer; bad_shape (sizes of the cache, or of keys and values that do not fit it); bad_stride (rows of
/// the cache or of the source overlap); bad_scale; grid_limit; platform_error.
template <append_source Source, kv_element KV, page_layout Layout, class Descale>
status append(const heads_view<const Source>& keys, const heads_view<const Source>& values,
              const paged_kv_writer<KV, Layout, Descale>& cache, const slot_mapping& slots, platform::stream stream) {
  return detail::append_to(keys, values, cache, detail::mapped_slots{slots}, stream);
}

/// The same with the slots of a ragged table, which describes the cache as it is after the append: the new tokens are
/// the last ones of each request, as many as `tokens` says (rows as there; here more than max_query_tokens are
/// allowed, and with `indptr` its `per_request` is not read). Skipped are rows beyond those of all requests, tokens
/// that would lie before the start of their request, and pages outside of the cache.
template <append_source Source, kv_element KV, page_layout Layout, class Descale>
status append(const heads_view<const Source>& keys, const heads_view<const Source>& values,
              const paged_kv_writer<KV, Layout, Descale>& cache, const ragged_requests& requests,
              const query_tokens& tokens, platform::stream stream) {
  return detail::append_to(keys, values, cache, detail::ragged_slots{requests, tokens}, stream);
}

}  // namespace paragon
