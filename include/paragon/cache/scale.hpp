#pragma once

#include <algorithm>
#include <cstdint>
#include <paragon/cache/row_maximum.hpp>
#include <paragon/view/row_checks.hpp>

/// Choosing descales for an fp8 cache from the keys and values of a calibration run:
///
///   reset_amax(amax, stream);
///   for (batch : calibration) measure_amax(batch.keys, head_dim, batch.values, value_dim, amax, stream);
///   descales_from_amax<fp8_e4m3fn>(amax, {k_descales, v_descales}, stream);
///   paged_kv<fp8_e4m3fn, nhd, per_head> kv{k_pages, v_pages, shape, per_head{k_descales, v_descales}};
namespace paragon {

/// The absolute maxima of K and of V seen so far: float arrays [count] in device memory, with one number for the layer
/// (count 1) or one per KV head.
struct kv_amax {
  float* key;
  float* value;
  int count;
};

/// Where computed descales go: float arrays in device memory, as `per_tensor_on_device` (count 1) or `per_head` read
/// them.
struct kv_descales {
  float* key;
  float* value;
};

namespace detail {

template <class Source> struct amax_arguments {
  heads_view<const Source> keys;
  heads_view<const Source> values;
  int head_dim;
  int value_dim;
  kv_amax amax;
  int lanes;
  int tokens_per_workgroup;
};

/// A workgroup goes over some tokens of one KV head; its threads' maxima are joined before memory is asked.
template <int Run, class Source> struct amax_kernel {
  using arguments = amax_arguments<Source>;
  using target = target::any;
  static constexpr int max_waves = row_waves;
  static constexpr std::size_t shared_bytes = row_threads * sizeof(float);

  static PARAGON_DEVICE void run(const arguments& a, std::byte* shared) {
    const int head = platform::workgroup() % a.keys.heads;
    const std::int64_t first = std::int64_t{platform::workgroup() / a.keys.heads} * a.tokens_per_workgroup;
    const std::int64_t last = first + a.tokens_per_workgroup, end = last < a.keys.tokens ? last : a.keys.tokens;
    const int index = a.amax.count == 1 ? 0 : head;
    raise(a.amax.key + index, a.keys, a.head_dim, head, first, end, a.lanes, shared);
    raise(a.amax.value + index, a.values, a.value_dim, head, first, end, a.lanes, shared);
  }

 private:
  static PARAGON_DEVICE void raise(float* amax, const heads_view<const Source>& view, int dim, int head,
                                   std::int64_t first, std::int64_t end, int lanes, std::byte* shared) {
    const int thread = row_team::this_thread();
    float mine = 0.0f;
    for (std::int64_t token = first + thread / lanes; token < end; token += row_threads / lanes) {
      const Source* row = view.data + token * view.token_stride + head * view.head_stride;
      mine = row_amax<Run>(row, dim, thread % lanes, lanes, mine);
    }
    platform::barrier();  // the maximum before may not have been read by all yet
    const float largest = team_maximum(mine, thread, row_threads, reinterpret_cast<float*>(shared));
    if (thread == 0) platform::atomic_max(amax, largest);
  }
};

template <fp8_element KV> struct descale_kernel {
  struct arguments {
    kv_amax amax;
    kv_descales out;
  };
  using target = target::any;
  static constexpr int max_waves = row_waves;
  static constexpr std::size_t shared_bytes = 0;

  static PARAGON_DEVICE void run(const arguments& a, std::byte*) {
    const std::int64_t i = row_team::mine(1, platform::workgroup()).row;
    if (i >= a.amax.count) return;
    a.out.key[i] = calibrated(a.amax.key[i]);
    a.out.value[i] = calibrated(a.amax.value[i]);
  }

 private:
  static PARAGON_DEVICE float calibrated(float amax) { return amax == 0.0f ? 1.0f : descale_for<KV>(amax); }
};

template <int Run, class Source> status launch_amax(amax_arguments<Source> arguments, platform::stream stream) {
  using kernel = amax_kernel<Run, Source>;
  constexpr int steps = 8;  // rows per thread and workgroup: enough to make the joining cheap
  arguments.lanes = row_lanes(std::max(arguments.head_dim, arguments.value_dim), Run);
  arguments.tokens_per_workgroup = row_threads / arguments.lanes * steps;
  const std::int64_t parts =
      (std::int64_t{arguments.keys.tokens} + arguments.tokens_per_workgroup - 1) / arguments.tokens_per_workgroup;
  return launch_rows<kernel>(parts * arguments.keys.heads, stream, arguments);
}

inline status check_amax(const kv_amax& amax) {
  if (amax.count < 1)
    return status::failure(status_code::bad_shape, "%d absolute maxima; it is 1 for the layer or one per KV head",
                           amax.count);
  const status keys = check_pointer(amax.key, "the maxima of K");
  return keys ? check_pointer(amax.value, "the maxima of V") : keys;
}

}  // namespace detail

/// Forgets what was measured: sets all maxima to 0. Errors: null_pointer, bad_shape, platform_error.
inline status reset_amax(const kv_amax& amax, platform::stream stream) {
  if (const status check = detail::check_amax(amax); !check) return check;
  const std::size_t bytes = sizeof(float) * static_cast<unsigned>(amax.count);
  const status keys = platform::fill_bytes(amax.key, 0, bytes, stream);
  return keys ? platform::fill_bytes(amax.value, 0, bytes, stream) : keys;
}

/// Raises the maxima to the absolute maxima of keys [tokens, kv_heads, head_dim] and values [tokens, kv_heads,
/// value_dim], bf16, fp16 or float. Over several calls they are those of all batches. Infinities and NaN are ignored:
/// when they are stored they saturate or stay NaN, whatever the descale is.
///
/// Errors: null_pointer; bad_shape (an extent too small, keys and values that disagree, maxima neither 1 nor one per
/// head); bad_stride; grid_limit; platform_error.
template <class Source>
requires(std::same_as<Source, float> || half_element<Source>)  //
    status measure_amax(const heads_view<const Source>& keys, int head_dim, const heads_view<const Source>& values,
                        int value_dim, const kv_amax& amax, platform::stream stream) {
  for (const status& check :
       {detail::check_amax(amax), detail::check_rows(keys, head_dim, "keys"),
        detail::check_rows(values, value_dim, "values"), detail::check_same_rows(keys, "keys", values, "values")})
    if (!check) return check;
  if (amax.count != 1 && amax.count != keys.heads)
    return status::failure(status_code::bad_shape, "%d absolute maxima for %d KV heads; allowed are 1 or one per head",
                           amax.count, keys.heads);
  const detail::amax_arguments<Source> arguments{keys, values, head_dim, value_dim, amax, 0, 0};
  const bool aligned = detail::runs_are_aligned(keys) && detail::runs_are_aligned(values) &&
                       head_dim % detail::run_elements == 0 && value_dim % detail::run_elements == 0;
  return aligned ? detail::launch_amax<detail::run_elements>(arguments, stream)
                 : detail::launch_amax<1>(arguments, stream);
}

/// descale = amax / max_finite<KV>,  at least `min_descale`, so that the largest number measured is the largest that is
/// stored. Where nothing but zeros was seen, which any factor holds exactly, it is 1: what the cache should still meet
/// later is then kept up to the format's own range. The arrays of `out` have the length of those of `amax` and may be
/// the same ones.
///
/// Errors: null_pointer, bad_shape, platform_error.
template <fp8_element KV>
status descales_from_amax(const kv_amax& amax, const kv_descales& out, platform::stream stream) {
  for (const status& check : {detail::check_amax(amax), detail::check_pointer(out.key, "the descales of K"),
                              detail::check_pointer(out.value, "the descales of V")})
    if (!check) return check;
  return detail::launch_rows<detail::descale_kernel<KV>>(detail::row_workgroups(amax.count, 1), stream, {amax, out});
}

}  // namespace paragon
