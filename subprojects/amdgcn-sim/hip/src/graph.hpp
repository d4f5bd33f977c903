// Graphs: nodes that depend on each other.
#pragma once

#include "operation.hpp"

struct hipGraphNode {
  hip_sim::operation what;
  ihipGraph* graph = nullptr;
  uint64_t id = 0;
  uint64_t origin = 0;  ///< in an executable graph: the id of the node that this one was made from
  std::vector<hipGraphNode*> dependencies, dependents;
  std::vector<void*> argument_pointers;  ///< what hipGraphKernelNodeGetParams hands out
};

struct ihipGraph {
  std::vector<std::unique_ptr<hipGraphNode>> nodes;
  std::vector<std::shared_ptr<void>> memory;  ///< allocated during the capture; copies of the graph share it
};

struct hipGraphExec {
  std::shared_ptr<ihipGraph> graph;  ///< its own copy
};

namespace hip_sim {

hipGraphNode* add_node(ihipGraph& graph, operation what, const std::vector<hipGraphNode*>& dependencies);

/// A copy whose nodes know the ids of the originals.
std::shared_ptr<ihipGraph> clone(const ihipGraph& graph);

/// Runs the nodes in the order of their creation where dependencies allow, or, with work as late as possible, in the
/// opposite order, so that a missing dependency shows up as a wrong result.
hipError_t run_graph(const ihipGraph& graph);

}  // namespace hip_sim
