// Stream capture: its rules, and its beginning and end.
#include "errors.hpp"
#include "stream.hpp"

namespace hip_sim {
namespace {

thread_local hipStreamCaptureMode thread_mode = hipStreamCaptureModeGlobal;

hipError_t forbid(hipError_t error) {
  const lock guard;
  for (ihipStream_t* stream : streams().capturing) stream->capture = hipStreamCaptureStatusInvalidated;
  return streams().capturing.empty() ? hipSuccess : error;
}

// Every other stream of the capture has to have been joined: what it did last has something depend on it.
bool has_unjoined_work(const ihipStream_t* origin) {
  for (const ihipStream_t* stream : streams().capturing) {
    if (stream == origin || stream->capture_id != origin->capture_id) continue;
    for (hipGraphNode* node : stream->last_nodes) {
      const auto& joined = origin->last_nodes;
      if (node->dependents.empty() && std::find(joined.begin(), joined.end(), node) == joined.end()) return true;
    }
  }
  return false;
}

}  // namespace

void invalidate_capture(unsigned long long id) {
  for (ihipStream_t* stream : streams().capturing) {
    if (stream->capture_id == id) stream->capture = hipStreamCaptureStatusInvalidated;
  }
}

void end_capture(unsigned long long id) {
  std::erase_if(streams().capturing, [&](ihipStream_t* stream) {
    if (stream->capture_id != id) return false;
    stream->capture = hipStreamCaptureStatusNone;
    stream->capture_id = 0;
    stream->began_capture = false;
    stream->graph = nullptr;
    stream->last_nodes.clear();
    return true;
  });
}

bool is_capturing(unsigned long long id) {
  const auto has_id = [&](const ihipStream_t* stream) { return stream->capture_id == id; };
  return std::any_of(streams().capturing.begin(), streams().capturing.end(), has_id);
}

void depend_on(ihipStream_t* stream, const std::vector<hipGraphNode*>& nodes) {
  for (hipGraphNode* node : nodes) {
    auto& last = stream->last_nodes;
    if (std::find(last.begin(), last.end(), node) == last.end()) last.push_back(node);
  }
}

bool waits_for_capture(const ihipStream_t* stream) {
  const auto counts = [&](const ihipStream_t* other) { return other->blocks() && other->device == stream->device; };
  return stream->is_default && std::any_of(streams().capturing.begin(), streams().capturing.end(), counts);
}

hipError_t check_legacy(const ihipStream_t* stream) {
  if (!waits_for_capture(stream)) return hipSuccess;
  for (ihipStream_t* other : streams().capturing) {
    if (other->blocks() && other->device == stream->device) invalidate_capture(other->capture_id);
  }
  return hipErrorStreamCaptureImplicit;
}

hipError_t capture_forbids_unsafe() {
  const lock guard;
  bool forbidden = false;
  for (ihipStream_t* stream : streams().capturing) {
    if (stream->capture_mode == hipStreamCaptureModeRelaxed || thread_mode == hipStreamCaptureModeRelaxed) continue;
    const bool is_own = stream->capture_thread == std::this_thread::get_id();
    const bool is_global =
        stream->capture_mode == hipStreamCaptureModeGlobal && thread_mode == hipStreamCaptureModeGlobal;
    if (!is_own && !is_global) continue;
    stream->capture = hipStreamCaptureStatusInvalidated;
    forbidden = true;
  }
  return forbidden ? hipErrorStreamCaptureUnsupported : hipSuccess;
}
hipError_t capture_forbids_implicit() { return forbid(hipErrorStreamCaptureImplicit); }
hipError_t capture_forbids_any() { return forbid(hipErrorStreamCaptureUnsupported); }

}  // namespace hip_sim

using namespace hip_sim;

HIP_SIM_API hipError_t hipStreamBeginCapture(hipStream_t handle, hipStreamCaptureMode mode) {
  static unsigned long long last_capture = 0;
  if (handle == nullptr || handle == hipStreamLegacy) return remember(hipErrorStreamCaptureUnsupported);
  if (unsigned(mode) > hipStreamCaptureModeRelaxed) return remember(hipErrorInvalidValue);
  ihipStream_t* stream = nullptr;
  HIP_SIM_TRY(resolve(handle, &stream));
  const lock guard;
  if (stream->capture != hipStreamCaptureStatusNone) return remember(hipErrorIllegalState);
  stream->capture = hipStreamCaptureStatusActive;
  stream->capture_mode = mode;
  stream->capture_id = ++last_capture;
  stream->began_capture = true;
  stream->capture_thread = std::this_thread::get_id();
  stream->graph = new ihipGraph;
  streams().capturing.insert(stream);
  return hipSuccess;
}

HIP_SIM_API hipError_t hipStreamEndCapture(hipStream_t handle, hipGraph_t* out) {
  if (out == nullptr) return remember(hipErrorInvalidValue);
  if (handle == nullptr || handle == hipStreamLegacy) return remember(hipErrorIllegalState);
  ihipStream_t* stream = nullptr;
  HIP_SIM_TRY(resolve(handle, &stream));
  const lock guard;
  if (stream->capture == hipStreamCaptureStatusNone) return remember(hipErrorIllegalState);
  if (!stream->began_capture) return remember(hipErrorStreamCaptureUnmatched);
  if (stream->capture_mode != hipStreamCaptureModeRelaxed && stream->capture_thread != std::this_thread::get_id()) {
    return remember(hipErrorStreamCaptureWrongThread);
  }
  hipError_t error = hipSuccess;
  if (stream->capture == hipStreamCaptureStatusInvalidated) {
    error = hipErrorStreamCaptureInvalidated;
  } else if (has_unjoined_work(stream)) {
    error = hipErrorStreamCaptureUnjoined;
  }
  *out = stream->graph;
  end_capture(stream->capture_id);
  if (error != hipSuccess) {
    delete *out;
    *out = nullptr;
  }
  return remember(error);
}

HIP_SIM_API hipError_t hipStreamIsCapturing(hipStream_t handle, hipStreamCaptureStatus* out) {
  if (out == nullptr) return remember(hipErrorInvalidValue);
  ihipStream_t* stream = nullptr;
  HIP_SIM_TRY(resolve(handle, &stream));
  const lock guard;
  *out = stream->capture;
  return remember(waits_for_capture(stream) ? hipErrorStreamCaptureImplicit : hipSuccess);
}

HIP_SIM_API hipError_t hipStreamGetCaptureInfo_v2(hipStream_t handle, hipStreamCaptureStatus* status,
                                                  unsigned long long* id, hipGraph_t* graph,
                                                  const hipGraphNode_t** last_nodes, size_t* count) {
  if (status == nullptr) return remember(hipErrorInvalidValue);
  ihipStream_t* stream = nullptr;
  HIP_SIM_TRY(resolve(handle, &stream));
  const lock guard;
  if (waits_for_capture(stream)) return remember(hipErrorStreamCaptureImplicit);
  *status = stream->capture;
  if (stream->capture != hipStreamCaptureStatusActive) return hipSuccess;
  if (id != nullptr) *id = stream->capture_id;
  if (graph != nullptr) *graph = stream->graph;
  if (last_nodes != nullptr) *last_nodes = stream->last_nodes.data();
  if (count != nullptr) *count = stream->last_nodes.size();
  return hipSuccess;
}
HIP_SIM_API hipError_t hipStreamGetCaptureInfo(hipStream_t handle, hipStreamCaptureStatus* status,
                                               unsigned long long* id) {
  return hipStreamGetCaptureInfo_v2(handle, status, id, nullptr, nullptr, nullptr);
}

HIP_SIM_API hipError_t hipThreadExchangeStreamCaptureMode(hipStreamCaptureMode* mode) {
  if (mode == nullptr || unsigned(*mode) > hipStreamCaptureModeRelaxed) return remember(hipErrorInvalidValue);
  std::swap(*mode, thread_mode);
  return hipSuccess;
}
