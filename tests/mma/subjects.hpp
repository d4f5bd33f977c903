#pragma once

#include <cstddef>
#include <tuple>

#include "paragon/mma/mma.hpp"
#include "support/devices.hpp"
#include "support/targets.hpp"

/// The matrix atoms of this build, for tests that run once for each.
namespace atom_test {

namespace mma = paragon::mma;
namespace platform = paragon::platform;
namespace target = paragon::target;
using namespace paragon_test;

constexpr int rows = 16;

/// An atom under test.
template <class Target, class Fragment> struct subject {
  using target = Target;
  using atom = mma::atom<Target, Fragment>;
  using element = typename atom::element;
  using lanes = typename atom::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;
  static constexpr int depth = lanes::groups * lanes::depth_per_lane;  ///< of one multiplication
  static constexpr int score_rows = rows * lanes::score_tiles;         ///< of products that `transpose` takes
  /// How many columns of B hold numbers of their own; the others are further terms of these.
  static constexpr int distinct_columns = lanes::columns / (lanes::terms == 3 ? 4 : lanes::terms);

  static bool runs() {
    if (!runs_here<Target>()) return false;
    const platform::fp8_hardware here = current_device().fp8, wanted = platform::format_of<element>;
    return wanted == platform::fp8_hardware::none || here == platform::fp8_hardware::none || here == wanted;
  }
};

template <class Target, int Terms>
using fp8_subjects = std::tuple<subject<Target, mma::fp8_terms<paragon::fp8_e4m3fn, Terms>>,
                                subject<Target, mma::fp8_terms<paragon::fp8_e4m3fnuz, Terms>>>;
template <class Target> constexpr auto subjects_of() {
  const std::tuple<subject<Target, paragon::bf16>, subject<Target, paragon::fp16>> halves;
  if constexpr (Target::fp8_terms == 3)
    return std::tuple_cat(halves, fp8_subjects<Target, 2>{}, fp8_subjects<Target, 3>{});
  else if constexpr (Target::fp8_terms == 2)
    return std::tuple_cat(halves, fp8_subjects<Target, 2>{});
  else
    return halves;
}

/// Those of all targets of this build.
template <class Targets> struct all_subjects;
template <class... Targets> struct all_subjects<platform::target_list<Targets...>> {
  using type = decltype(std::tuple_cat(subjects_of<Targets>()...));
};
using subjects = typename all_subjects<platform::targets>::type;

constexpr std::size_t size(int value) { return static_cast<std::size_t>(value); }

}  // namespace atom_test
