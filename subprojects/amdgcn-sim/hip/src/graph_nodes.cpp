// The nodes of graphs: construction, queries, and the kernel node's parameters.
#include "devices.hpp"
#include "errors.hpp"
#include "graph.hpp"
#include "memory.hpp"
#include "stream.hpp"

using namespace hip_sim;

static hipError_t add(hipGraphNode_t* out, hipGraph_t graph, const hipGraphNode_t* dependencies, size_t count,
                      operation what) {
  if (out == nullptr || graph == nullptr || (count > 0 && dependencies == nullptr)) return hipErrorInvalidValue;
  const lock guard;
  std::vector<hipGraphNode*> checked;
  for (size_t i = 0; i < count; ++i) {
    hipGraphNode* dependency = dependencies[i];
    const bool is_double = std::find(checked.begin(), checked.end(), dependency) != checked.end();
    if (dependency == nullptr || dependency->graph != graph || is_double) return hipErrorInvalidValue;
    checked.push_back(dependency);
  }
  *out = add_node(*graph, std::move(what), checked);
  return hipSuccess;
}

HIP_SIM_API hipError_t hipGraphAddEmptyNode(hipGraphNode_t* out, hipGraph_t graph, const hipGraphNode_t* dependencies,
                                            size_t count) {
  return remember(add(out, graph, dependencies, count, nothing{}));
}

static hipError_t make_launch(kernel_launch& out, const hipKernelNodeParams* p) {
  if (p == nullptr) return hipErrorInvalidValue;
  ihipModuleSymbol_t* kernel = nullptr;
  if (const hipError_t error = kernel_of_stub(p->func, current_device(), &kernel)) return error;
  return make_launch(out, kernel, p->gridDim, p->blockDim, p->sharedMemBytes, p->kernelParams, p->extra);
}
HIP_SIM_API hipError_t hipGraphAddKernelNode(hipGraphNode_t* out, hipGraph_t graph, const hipGraphNode_t* dependencies,
                                             size_t count, const hipKernelNodeParams* p) {
  kernel_launch launch;
  HIP_SIM_TRY(make_launch(launch, p));
  return remember(add(out, graph, dependencies, count, std::move(launch)));
}

HIP_SIM_API hipError_t hipGraphAddMemcpyNode1D(hipGraphNode_t* out, hipGraph_t graph,
                                               const hipGraphNode_t* dependencies, size_t count, void* to,
                                               const void* from, size_t size, hipMemcpyKind kind) {
  if (size == 0) return remember(hipErrorInvalidValue);
  HIP_SIM_TRY(check_copy(to, from, size, kind));
  return remember(add(out, graph, dependencies, count, memory_copy{.to = to, .from = from, .width = size}));
}

HIP_SIM_API hipError_t hipGraphAddMemsetNode(hipGraphNode_t* out, hipGraph_t graph, const hipGraphNode_t* dependencies,
                                             size_t count, const hipMemsetParams* p) {
  if (p == nullptr || (p->elementSize != 1 && p->elementSize != 2 && p->elementSize != 4)) {
    return remember(hipErrorInvalidValue);
  }
  const memory_fill fill{p->dst, p->value, p->elementSize, p->pitch, p->width, std::max<size_t>(p->height, 1)};
  HIP_SIM_TRY(check_fill(fill));
  return remember(add(out, graph, dependencies, count, fill));
}

HIP_SIM_API hipError_t hipGraphAddHostNode(hipGraphNode_t* out, hipGraph_t graph, const hipGraphNode_t* dependencies,
                                           size_t count, const hipHostNodeParams* p) {
  if (p == nullptr || p->fn == nullptr) return remember(hipErrorInvalidValue);
  return remember(add(out, graph, dependencies, count, host_call{p->fn, p->userData}));
}

HIP_SIM_API hipError_t hipGraphAddChildGraphNode(hipGraphNode_t* out, hipGraph_t graph,
                                                 const hipGraphNode_t* dependencies, size_t count, hipGraph_t child) {
  if (child == nullptr || child == graph) return remember(hipErrorInvalidValue);
  const lock guard;
  return remember(add(out, graph, dependencies, count, clone(*child)));
}

HIP_SIM_API hipError_t hipGraphAddDependencies(hipGraph_t graph, const hipGraphNode_t* from, const hipGraphNode_t* to,
                                               size_t count) {
  if (graph == nullptr || (count > 0 && (from == nullptr || to == nullptr))) return remember(hipErrorInvalidValue);
  const lock guard;
  for (size_t i = 0; i < count; ++i) {
    if (from[i] == to[i] || from[i]->graph != graph || to[i]->graph != graph) return remember(hipErrorInvalidValue);
    auto& already = to[i]->dependencies;
    if (std::find(already.begin(), already.end(), from[i]) != already.end()) return remember(hipErrorInvalidValue);
    already.push_back(from[i]);
    from[i]->dependents.push_back(to[i]);
  }
  return hipSuccess;
}

// ---- queries ----------------------------------------------------------------------------------------------------

HIP_SIM_API hipError_t hipGraphGetNodes(hipGraph_t graph, hipGraphNode_t* out, size_t* count) {
  if (graph == nullptr || count == nullptr) return remember(hipErrorInvalidValue);
  const size_t have = graph->nodes.size();
  if (out == nullptr) return *count = have, hipSuccess;
  for (size_t i = 0; i < *count; ++i) out[i] = i < have ? graph->nodes[i].get() : nullptr;
  *count = std::min(*count, have);
  return hipSuccess;
}

HIP_SIM_API hipError_t hipGraphGetEdges(hipGraph_t graph, hipGraphNode_t* from, hipGraphNode_t* to, size_t* count) {
  if (graph == nullptr || count == nullptr || (from == nullptr) != (to == nullptr))
    return remember(hipErrorInvalidValue);
  size_t found = 0;
  for (const auto& node : graph->nodes) {
    for (hipGraphNode* dependency : node->dependencies) {
      if (from != nullptr && found < *count) from[found] = dependency, to[found] = node.get();
      ++found;
    }
  }
  *count = from != nullptr ? std::min(*count, found) : found;
  return hipSuccess;
}

HIP_SIM_API hipError_t hipGraphNodeGetType(hipGraphNode_t node, hipGraphNodeType* out) {
  if (node == nullptr || out == nullptr) return remember(hipErrorInvalidValue);
  // in the order of the alternatives of `operation`
  static constexpr std::array<hipGraphNodeType, std::variant_size_v<operation>> types = {
      hipGraphNodeTypeEmpty, hipGraphNodeTypeKernel,   hipGraphNodeTypeMemcpy,  hipGraphNodeTypeMemset,
      hipGraphNodeTypeHost,  hipGraphNodeTypeMemAlloc, hipGraphNodeTypeMemFree, hipGraphNodeTypeGraph};
  *out = types[node->what.index()];
  return hipSuccess;
}

HIP_SIM_API hipError_t hipGraphKernelNodeGetParams(hipGraphNode_t node, hipKernelNodeParams* out) {
  auto* launch = node != nullptr ? std::get_if<kernel_launch>(&node->what) : nullptr;
  if (launch == nullptr || out == nullptr) return remember(hipErrorInvalidValue);
  node->argument_pointers.clear();
  for (const amdgcn_sim_arg* argument : launch->kernel->arguments) {
    node->argument_pointers.push_back(launch->arguments.data() + argument->offset);
  }
  *out = {};
  out->func = const_cast<void*>(launch->kernel->stub);
  out->gridDim = launch->grid;
  out->blockDim = launch->block;
  out->sharedMemBytes = launch->lds;
  out->kernelParams = node->argument_pointers.data();
  return hipSuccess;
}

HIP_SIM_API hipError_t hipGraphKernelNodeSetParams(hipGraphNode_t node, const hipKernelNodeParams* p) {
  auto* launch = node != nullptr ? std::get_if<kernel_launch>(&node->what) : nullptr;
  if (launch == nullptr) return remember(hipErrorInvalidValue);
  kernel_launch changed;
  HIP_SIM_TRY(make_launch(changed, p));
  *launch = std::move(changed);
  return hipSuccess;
}

HIP_SIM_API hipError_t hipGraphExecKernelNodeSetParams(hipGraphExec_t executable, hipGraphNode_t node,
                                                       const hipKernelNodeParams* p) {
  if (executable == nullptr || node == nullptr) return remember(hipErrorInvalidValue);
  (void)finish_all();  // launches that were asked for before keep their parameters
  for (const auto& own : executable->graph->nodes) {
    if (own->origin == node->id) return hipGraphKernelNodeSetParams(own.get(), p);
  }
  return remember(hipErrorInvalidValue);
}
