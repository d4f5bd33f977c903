#pragma once

#include <bench/cases.hpp>
#include <optional>
#include <paragon/platform/device_info.hpp>

namespace paragon_bench {

struct result {
  std::int64_t kv_bytes;
  double decode_us;
  double read_us;                 ///< of a kernel that only reads as many bytes
  std::optional<double> peer_us;  ///< of the faster kernel of FlashInfer, where the build has it and it knows the shape
};

/// Times decode calls of one case on cold caches; `with_plan`: each of them plans anew (`decode::run`). Instantiated by
/// measure.cpp, in a library for each head dim of tests/bench/meson.build, so that they compile side by side.
template <int HeadDim>
result measure(const batch& requests, const shape& of, bool with_plan, const paragon::platform::device_info& device);

}  // namespace paragon_bench
