#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <paragon/platform/platform.hpp>
#include <random>
#include <string>

/// What test cases run on, and the seeds they start from.
namespace paragon_test {

/// A seed no run had before, or that of the environment variable PARAGON_SEED, to repeat a run. Tests print it on
/// failure.
inline std::uint32_t fresh_seed() {
  if (const char* given = std::getenv("PARAGON_SEED"))
    return static_cast<std::uint32_t>(std::strtoul(given, nullptr, 0));
  return std::random_device{}();
}

inline paragon::platform::device_info current_device() {
  paragon::platform::device_info device{};
  const paragon::status found = paragon::platform::query_device(device);
  REQUIRE_MESSAGE(found.ok(), std::string{found.message()});
  return device;
}

/// Whether to thin out large grids of cases: on the CPU, and where the environment variable PARAGON_SLOW_DEVICE is set,
/// as it is for a simulated device.
inline bool slow_device() { return PARAGON_PLATFORM_HOST == 1 || std::getenv("PARAGON_SLOW_DEVICE") != nullptr; }

/// Calls f() on every device that this machine has: the GPU, or on the host platform one of every target family, with
/// `compute_units` of them (0: some number from 1 to 8), so that work is cut in other places each time.
template <class F> void on_every_device(std::mt19937& random, int compute_units, const F& f) {
#if PARAGON_PLATFORM_HOST
  using paragon::platform::target_family;
  using namespace paragon::platform::target;
  const paragon::platform::device_info families[] = {{"host as cdna2", cdna2::family, 0, {}},
                                                     {"host as cdna3", cdna3::family, 0, {}},
                                                     {"host as rdna3", rdna3::family, 0, {}},
                                                     {"host as rdna4", rdna4::family, 0, {}},
                                                     {"host as sm80", sm80::family, 0, {}}};
  for (paragon::platform::device_info device : families) {
    device.compute_units = compute_units != 0 ? compute_units : 1 + static_cast<int>(random() % 8);
    paragon::platform::host::set_device(device);
    INFO(std::string{device.name} << ", compute units: " << device.compute_units);
    f();
  }
#else
  (void)random, (void)compute_units;
  const paragon::platform::device_info device = current_device();  // not by INFO: asserts have no place in it
  INFO(std::string{device.name});
  f();
#endif
}

}  // namespace paragon_test
