#pragma once

#include <doctest/doctest.h>

#include <cstddef>

#include "paragon/platform/platform.hpp"

namespace paragon_test {

/// Launches on the default stream and fails the test with the status's sentence if that was refused.
template <class Kernel>
void run_kernel(int workgroups, int waves, std::size_t shared_bytes, const typename Kernel::arguments& arguments) {
  const paragon::status launched =
      paragon::platform::launch<Kernel>(workgroups, waves, shared_bytes, nullptr, arguments);
  REQUIRE_MESSAGE(launched.ok(), launched.message());
}

}  // namespace paragon_test
