// Streams, events and captures. Work runs at once, on the calling thread, in the order of the program; with the option
// `late` it is queued, and runs on the thread that waits for it.
#pragma once

#include "graph.hpp"

namespace hip_sim {

/// An entry of a late stream's queue: work, or waiting for the first `wait_count` entries of another stream.
struct queue_entry {
  std::function<hipError_t()> work;
  uint64_t wait_stream = 0, wait_count = 0;
};

/// One hipEventRecord.
struct event_record {
  bool done = false;
  std::chrono::steady_clock::time_point when{};
  uint64_t stream = 0, count = 0;  ///< done when the stream has run that many entries
};

}  // namespace hip_sim

struct ihipStream_t {
  uint64_t id = 0;
  int device = 0;
  unsigned flags = 0;
  int priority = 0;
  bool is_default = false;

  std::deque<hip_sim::queue_entry> queue;
  uint64_t pushed = 0, done = 0;  ///< entries ever

  hipStreamCaptureStatus capture = hipStreamCaptureStatusNone;
  hipStreamCaptureMode capture_mode = hipStreamCaptureModeGlobal;
  unsigned long long capture_id = 0;
  bool began_capture = false;
  std::thread::id capture_thread;
  ihipGraph* graph = nullptr;
  std::vector<hipGraphNode*> last_nodes;  ///< what the next node depends on

  bool blocks() const { return (flags & hipStreamNonBlocking) == 0; }
};

struct ihipEvent_t {
  unsigned flags = 0;
  int device = 0;
  std::shared_ptr<hip_sim::event_record> record;  ///< null: never recorded
  unsigned long long capture_id = 0;              ///< of the capture that it was recorded in last
  std::vector<hipGraphNode*> captured_nodes;
};

namespace hip_sim {

struct stream_table {
  std::set<ihipStream_t*> made_by_program;
  std::map<uint64_t, ihipStream_t*> all;  ///< by id
  std::set<ihipEvent_t*> events;
  std::set<ihipStream_t*> capturing;  ///< every stream that takes part in a capture
  uint64_t last_stream = 0;
};
stream_table& streams();

/// The stream of a handle, the default ones included.
hipError_t resolve(hipStream_t handle, ihipStream_t** out);

/// Does something in a stream, or records it if the stream is being captured.
hipError_t submit(hipStream_t handle, operation what);
/// Does something on the legacy stream and waits for the end.
hipError_t submit_and_wait(operation what);

// ---- late work (late.cpp); without the option the queues are empty ------------------------------------------------
void enqueue(ihipStream_t* stream, std::function<hipError_t()> work);
void enqueue_wait(ihipStream_t* stream, const event_record& record);
/// Runs what was queued so far: in all streams, in one, or the first `count` entries of one.
hipError_t finish_all();
hipError_t finish(ihipStream_t* stream);
hipError_t finish(uint64_t stream_id, uint64_t count);
/// Runs one of the first `count` entries; false: none was left.
bool run_one(ihipStream_t* stream, uint64_t count);

// ---- rules of capture (capture.cpp) -------------------------------------------------------------------------------
void invalidate_capture(unsigned long long id);
void end_capture(unsigned long long id);
bool is_capturing(unsigned long long id);
void depend_on(ihipStream_t* stream, const std::vector<hipGraphNode*>& nodes);
/// Work on the legacy stream waits for every blocking stream: is one of them being captured?
bool waits_for_capture(const ihipStream_t* stream);
/// If so, an error that ends the captures.
hipError_t check_legacy(const ihipStream_t* stream);
/// What a call does to captures that are going on: it ends them with an error, or they do not care.
hipError_t capture_forbids_unsafe();    ///< allocation and the like: hipErrorStreamCaptureUnsupported
hipError_t capture_forbids_implicit();  ///< work on the legacy stream: hipErrorStreamCaptureImplicit
hipError_t capture_forbids_any();       ///< hipDeviceSynchronize and the like: hipErrorStreamCaptureUnsupported

}  // namespace hip_sim
