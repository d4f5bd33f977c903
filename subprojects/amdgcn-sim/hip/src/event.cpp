// Events. Outside of late work they are done when they are recorded, and their time is the host's.
#include "devices.hpp"
#include "errors.hpp"
#include "options.hpp"
#include "stream.hpp"

using namespace hip_sim;

static bool is_event(hipEvent_t event) { return streams().events.contains(event); }

HIP_SIM_API hipError_t hipEventCreateWithFlags(hipEvent_t* out, unsigned flags) {
  if (out == nullptr) return remember(hipErrorInvalidValue);
  const lock guard;
  auto* event = new ihipEvent_t;
  event->flags = flags;
  event->device = current_device();
  streams().events.insert(event);
  *out = event;
  return hipSuccess;
}
HIP_SIM_API hipError_t hipEventCreate(hipEvent_t* out) { return hipEventCreateWithFlags(out, hipEventDefault); }

HIP_SIM_API hipError_t hipEventDestroy(hipEvent_t event) {
  const lock guard;
  if (streams().events.erase(event) == 0) return remember(hipErrorInvalidHandle);
  delete event;
  return hipSuccess;
}

HIP_SIM_API hipError_t hipEventRecord(hipEvent_t event, hipStream_t handle) {
  const lock guard;
  if (!is_event(event)) return remember(hipErrorInvalidHandle);
  ihipStream_t* stream = nullptr;
  HIP_SIM_TRY(resolve(handle, &stream));
  if (stream->capture == hipStreamCaptureStatusInvalidated) return remember(hipErrorStreamCaptureInvalidated);
  if (stream->capture == hipStreamCaptureStatusActive) {
    event->capture_id = stream->capture_id;
    event->captured_nodes = stream->last_nodes;
    return hipSuccess;
  }
  if (event->device != stream->device) return remember(hipErrorInvalidHandle);
  HIP_SIM_TRY(fault());
  const auto record = std::make_shared<event_record>();
  event->record = record;
  event->capture_id = 0;
  const auto mark = [record] {
    record->when = std::chrono::steady_clock::now();
    record->done = true;
    return hipSuccess;
  };
  if (!options().late) return mark();
  enqueue(stream, mark);
  record->stream = stream->id;
  record->count = stream->pushed;
  return hipSuccess;
}

// An event of a capture that is going on cannot be waited for: that ends the capture.
static hipError_t check_wait(hipEvent_t event) {
  const lock guard;
  if (!is_event(event)) return hipErrorInvalidHandle;
  if (is_capturing(event->capture_id)) {
    invalidate_capture(event->capture_id);
    return hipErrorCapturedEvent;
  }
  if (const hipError_t error = fault()) return error;
  return capture_forbids_unsafe();
}

HIP_SIM_API hipError_t hipEventSynchronize(hipEvent_t event) {
  HIP_SIM_TRY(check_wait(event));
  const std::shared_ptr<event_record> record = event->record;
  if (record != nullptr && !record->done) HIP_SIM_TRY(finish(record->stream, record->count));
  return remember(fault());
}

// Each query lets one piece of work run, so that polling ends.
HIP_SIM_API hipError_t hipEventQuery(hipEvent_t event) {
  HIP_SIM_TRY(check_wait(event));
  const std::shared_ptr<event_record> record = event->record;
  if (record == nullptr || record->done) return hipSuccess;
  ihipStream_t* stream = nullptr;
  {
    const lock guard;
    const auto found = streams().all.find(record->stream);
    if (found == streams().all.end()) return hipSuccess;
    stream = found->second;
  }
  (void)run_one(stream, record->count);
  HIP_SIM_TRY(fault());
  return hipErrorNotReady;
}

HIP_SIM_API hipError_t hipEventElapsedTime(float* milliseconds, hipEvent_t start, hipEvent_t stop) {
  if (milliseconds == nullptr) return remember(hipErrorInvalidValue);
  const lock guard;
  if (!is_event(start) || !is_event(stop)) return remember(hipErrorInvalidHandle);
  const bool timed = ((start->flags | stop->flags) & hipEventDisableTiming) == 0;
  if (start->record == nullptr || stop->record == nullptr || !timed) return remember(hipErrorInvalidHandle);
  if (!start->record->done || !stop->record->done) return hipErrorNotReady;
  *milliseconds = std::chrono::duration<float, std::milli>(stop->record->when - start->record->when).count();
  return remember(fault());
}

// A stream that waits for an event of a capture takes part in it from then on.
static hipError_t join_capture(ihipStream_t* stream, hipEvent_t event) {
  if (stream->capture == hipStreamCaptureStatusInvalidated) return hipErrorStreamCaptureInvalidated;
  if (stream->is_default) return hipErrorStreamCaptureImplicit;
  if (stream->capture == hipStreamCaptureStatusActive && stream->capture_id != event->capture_id) {
    invalidate_capture(stream->capture_id);
    invalidate_capture(event->capture_id);
    return hipErrorStreamCaptureMerge;
  }
  if (stream->capture == hipStreamCaptureStatusNone) {
    for (const ihipStream_t* other : streams().capturing) {
      if (other->capture_id != event->capture_id || !other->began_capture) continue;
      stream->capture = other->capture;
      stream->capture_mode = other->capture_mode;
      stream->capture_thread = other->capture_thread;
      stream->graph = other->graph;
    }
    stream->capture_id = event->capture_id;
    streams().capturing.insert(stream);
  }
  depend_on(stream, event->captured_nodes);
  return hipSuccess;
}

HIP_SIM_API hipError_t hipStreamWaitEvent(hipStream_t handle, hipEvent_t event, unsigned flags) {
  const lock guard;
  if (!is_event(event)) return remember(hipErrorInvalidHandle);
  if (flags != 0) return refuse("hipStreamWaitEvent with flags");
  ihipStream_t* stream = nullptr;
  HIP_SIM_TRY(resolve(handle, &stream));
  if (is_capturing(event->capture_id)) return remember(join_capture(stream, event));
  if (stream->capture == hipStreamCaptureStatusInvalidated) return remember(hipErrorStreamCaptureInvalidated);
  if (stream->capture == hipStreamCaptureStatusActive) {
    if (event->record == nullptr) return hipSuccess;
    invalidate_capture(stream->capture_id);
    return remember(hipErrorStreamCaptureIsolation);
  }
  if (event->record != nullptr && !event->record->done) enqueue_wait(stream, *event->record);
  return remember(fault());
}
