#include "operation.hpp"

#include "errors.hpp"
#include "graph.hpp"
#include "memory.hpp"

namespace hip_sim {
namespace {

struct runner {
  hipError_t operator()(const nothing&) const { return hipSuccess; }
  hipError_t operator()(const kernel_launch& launch) const { return run_launch(launch); }

  hipError_t operator()(const memory_copy& copy) const {
    for (size_t y = 0; y < copy.height; ++y) {
      std::memmove(static_cast<char*>(copy.to) + y * copy.to_pitch,
                   static_cast<const char*>(copy.from) + y * copy.from_pitch, copy.width);
    }
    return hipSuccess;
  }

  hipError_t operator()(const memory_fill& fill) const {
    for (size_t y = 0; y < fill.height; ++y) {
      char* row = static_cast<char*>(fill.to) + y * fill.pitch;
      for (size_t x = 0; x < fill.width; ++x) std::memcpy(row + x * fill.element, &fill.value, fill.element);
    }
    return hipSuccess;
  }

  hipError_t operator()(const host_call& call) const {
    call.function(call.argument);
    return fault();
  }

  hipError_t operator()(const graph_allocation& made) const {
    poison(made.memory, made.size);
    return hipSuccess;
  }
  hipError_t operator()(const graph_release&) const { return hipSuccess; }
  hipError_t operator()(const child_graph& graph) const { return run_graph(*graph); }
};

}  // namespace

hipError_t run(const operation& what) {
  if (const hipError_t error = fault()) return error;
  return std::visit(runner{}, what);
}

}  // namespace hip_sim
