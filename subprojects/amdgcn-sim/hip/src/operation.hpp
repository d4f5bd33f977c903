// What a stream can be asked to do. The same things are the nodes of graphs.
#pragma once

#include "module.hpp"

struct ihipGraph;

namespace hip_sim {

struct nothing {};

struct kernel_launch {
  ihipModuleSymbol_t* kernel = nullptr;
  dim3 grid, block;             ///< the grid in workgroups
  unsigned lds = 0;             ///< dynamic shared memory
  std::vector<char> arguments;  ///< the kernarg segment
};

struct memory_copy {
  void* to = nullptr;
  const void* from = nullptr;
  size_t to_pitch = 0, from_pitch = 0;
  size_t width = 0, height = 1;  ///< bytes of a row, rows
};

struct memory_fill {
  void* to = nullptr;
  unsigned value = 0, element = 1;  ///< bytes of an element: 1, 2 or 4
  size_t pitch = 0;
  size_t width = 0, height = 1;  ///< elements of a row, rows
};

struct host_call {
  hipHostFn_t function = nullptr;
  void* argument = nullptr;
};

/// hipMallocAsync and hipFreeAsync in a capture: the memory itself is there as long as the graph.
struct graph_allocation {
  void* memory = nullptr;
  size_t size = 0;
};
struct graph_release {};

using child_graph = std::shared_ptr<ihipGraph>;

using operation = std::variant<nothing, kernel_launch, memory_copy, memory_fill, host_call, graph_allocation,
                               graph_release, child_graph>;

/// Does it, now.
hipError_t run(const operation& what);

/// A launch with the arguments copied out of either form, checked against the kernel's limits and the device's.
hipError_t make_launch(kernel_launch& out, ihipModuleSymbol_t* kernel, dim3 grid, dim3 block, unsigned lds,
                       void** arguments, void** packed);
hipError_t run_launch(const kernel_launch& launch);
hipError_t check_fill(const memory_fill& fill);

}  // namespace hip_sim
