#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <paragon/platform/platform.hpp>
#include <paragon/types.hpp>
#include <paragon/view/heads.hpp>
#include <type_traits>

/// Rows of tensors for kernels that go over them element by element: who works on which, and vector loads and stores
/// that convert to and from float.
namespace paragon::detail {

inline constexpr float infinity = std::numeric_limits<float>::infinity();

/// Elements that one thread moves at a time where addresses allow: 16 bytes of a 16-bit type. Head dims are multiples.
inline constexpr int run_elements = 8;

/// Threads of a workgroup of the kernels that use `row_team`.
inline constexpr int row_threads = 256;
inline constexpr int row_waves = row_threads / target::any::wave_size;

/// Neighbouring threads that work on one row together.
struct row_team {
  std::uint32_t row;  ///< one launch has fewer than 2^32
  int lane;
  int lanes;

  /// The calling thread's team in the n-th workgroup of those that share rows, if each team has `lanes` threads, a
  /// power of two up to row_threads.
  static PARAGON_DEVICE row_team mine(int lanes, int n) {
    const int thread = this_thread();
    const std::int64_t row = n * std::int64_t{row_threads / lanes} + thread / lanes;
    return {static_cast<std::uint32_t>(row), thread % lanes, lanes};
  }

  /// The row as one of a tensor [tokens, heads, dim].
  PARAGON_DEVICE std::int64_t token(int heads) const { return row / static_cast<std::uint32_t>(heads); }
  PARAGON_DEVICE int head(int heads) const { return static_cast<int>(row % static_cast<std::uint32_t>(heads)); }

  /// Index of the calling thread in its workgroup.
  static PARAGON_DEVICE int this_thread() {
    using wave = platform::wave_ops<target::any::wave_size>;
    return wave::index() * target::any::wave_size + wave::lane();
  }
};

/// Threads per row so that one step covers `dim` elements; at most 64.
constexpr int row_lanes(int dim, int run) {
  const int needed = (dim + run - 1) / run;
  return needed < 64 ? static_cast<int>(std::bit_ceil(static_cast<unsigned>(needed))) : 64;
}

/// Workgroups for that many rows.
constexpr std::int64_t row_workgroups(std::int64_t rows, int lanes) {
  const int per_workgroup = row_threads / lanes;
  return (rows + per_workgroup - 1) / per_workgroup;
}

/// Launches a kernel that uses row teams, unless that were more threads than a device starts at once.
template <class Kernel>
status launch_rows(std::int64_t workgroups, platform::stream stream, const typename Kernel::arguments& arguments) {
  constexpr std::int64_t most = (std::int64_t{1} << 32) / row_threads - 1;
  if (workgroups > most)
    return status::failure(status_code::grid_limit, "the tensor needs %lld workgroups; one launch has at most %lld",
                           static_cast<long long>(workgroups), static_cast<long long>(most));
  return platform::launch<Kernel>(static_cast<int>(workgroups), row_waves, Kernel::shared_bytes, stream, arguments);
}

/// Bytes of one vector access of a run.
template <class T, int Run> inline constexpr int access_bytes = std::min(Run* static_cast<int>(sizeof(T)), 16);

/// True if vector accesses can move all runs that begin at multiples of run_elements of all rows.
/// @param view heads_view or paged_target
template <class View> bool runs_are_aligned(const View& view) {
  using element = std::remove_cvref_t<decltype(*view.data)>;
  const auto aligned = [](auto... strides) { return (... && (strides % run_elements == 0)); };
  if (reinterpret_cast<std::uintptr_t>(view.data) % access_bytes<element, run_elements> != 0) return false;
  if constexpr (requires { view.token_stride; }) {
    return aligned(view.token_stride, view.head_stride);
  } else {
    return aligned(view.strides.page, view.strides.slot, view.strides.head);
  }
}

template <class T, int Count> struct elements { T at[Count]; };

/// `Run` elements of a row as floats. Run is 1, or run_elements and the address aligned to what one access moves.
template <int Run, class T> PARAGON_DEVICE void load_run(const T* from, float (&to)[Run]) {
  if constexpr (Run == 1) {
    to[0] = static_cast<float>(*from);
  } else {
    constexpr int bytes = access_bytes<T, Run>, count = bytes / static_cast<int>(sizeof(T));
    PARAGON_UNROLL
    for (int part = 0; part < Run; part += count) {
      const auto loaded = bit_cast<elements<T, count>>(platform::load_streaming<bytes>(from + part));
      PARAGON_UNROLL
      for (int i = 0; i < count; ++i) to[part + i] = static_cast<float>(loaded.at[i]);
    }
  }
}

/// Rounds and stores `Run` elements of a row; see `load_run`.
template <int Run, class T> PARAGON_DEVICE void store_run(T* to, const float (&from)[Run]) {
  constexpr int bytes = access_bytes<T, Run>, count = bytes / static_cast<int>(sizeof(T));
  PARAGON_UNROLL
  for (int part = 0; part < Run; part += count) {
    elements<T, count> rounded;
    PARAGON_UNROLL
    for (int i = 0; i < count; ++i) {
      if constexpr (std::same_as<T, float>) {
        rounded.at[i] = from[part + i];
      } else {
        rounded.at[i] = platform::convert<T>(from[part + i]);
      }
    }
    if constexpr (Run == 1) {
      *to = rounded.at[0];
    } else {
      platform::store(to + part, bit_cast<platform::words<bytes>>(rounded));
    }
  }
}

/// Copies `Run` elements of a row; see `load_run`.
template <int Run, class T> PARAGON_DEVICE void copy_run(const T* from, T* to) {
  if constexpr (Run == 1) {
    *to = *from;
  } else {
    constexpr int bytes = access_bytes<T, Run>, count = bytes / static_cast<int>(sizeof(T));
    PARAGON_UNROLL
    for (int part = 0; part < Run; part += count)
      platform::store(to + part, platform::load_streaming<bytes>(from + part));
  }
}

}  // namespace paragon::detail
