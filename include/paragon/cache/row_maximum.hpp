#pragma once

#include <paragon/view/rows.hpp>

namespace paragon {

/// The smallest descale that is ever computed: the smallest normal float, so that no device flushes it to zero.
inline constexpr float min_descale = 0x1p-126f;

/// The descale with which numbers up to `amax` use the whole range of the fp8 format:  amax / max_finite<KV>,  but at
/// least `min_descale`. Precondition: amax is finite and not negative.
template <fp8_element KV> PARAGON_HD constexpr float descale_for(float amax) {
  const float descale = amax / max_finite<KV>;
  return descale < min_descale ? min_descale : descale;
}

namespace detail {

/// The larger of `amax` and the absolute values in a run. Infinities and NaN do not count: no factor could hold them.
template <int Run> PARAGON_DEVICE float finite_amax(const float (&run)[Run], float amax) {
  PARAGON_UNROLL
  for (const float x : run) {
    const float magnitude = x < 0.0f ? -x : x;
    if (magnitude > amax && magnitude < infinity) amax = magnitude;
  }
  return amax;
}

/// The absolute maximum of what a team's thread covers of a row.
template <int Run, class T> PARAGON_DEVICE float row_amax(const T* row, int dim, int lane, int lanes, float amax) {
  for (int d = lane * Run; d < dim; d += lanes * Run) {
    float run[Run];
    load_run(row + d, run);
    amax = finite_amax(run, amax);
  }
  return amax;
}

/// The maximum over the `lanes` threads of each team. All threads of the workgroup must call it, with shared memory
/// that nobody uses any more.
/// @param lanes a power of two; teams begin at its multiples
/// @param shared row_threads floats
PARAGON_DEVICE float team_maximum(float mine, int lane, int lanes, float* shared) {
  float* team = shared + row_team::this_thread() - lane;
  team[lane] = mine;
  for (int half = lanes / 2; half > 0; half /= 2) {
    platform::barrier();
    if (lane < half && team[lane + half] > team[lane]) team[lane] = team[lane + half];
  }
  platform::barrier();
  return team[0];
}

}  // namespace detail
}  // namespace paragon
