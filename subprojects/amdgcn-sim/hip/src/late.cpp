// Work that runs as late as the program allows: when it waits for it.
#include "errors.hpp"
#include "options.hpp"
#include "stream.hpp"

namespace hip_sim {
namespace {

// Held while a queue is run, also when the runtime's own lock is not.
std::recursive_mutex& running_mutex() {
  static auto* mutex = new std::recursive_mutex;
  return *mutex;
}

void push(ihipStream_t* stream, queue_entry entry) {
  stream->queue.push_back(std::move(entry));
  ++stream->pushed;
}

// The legacy stream waits for the blocking streams of its device, and they for it.
void order_with_legacy(ihipStream_t* stream) {
  if (!stream->blocks()) return;
  for (const auto& [id, other] : streams().all) {
    const bool waits = other != stream && other->device == stream->device && other->blocks() && !other->queue.empty();
    if (waits && (stream->is_default || other->is_default)) push(stream, {nullptr, id, other->pushed});
  }
}

struct exit_report {
  ~exit_report() {
    size_t count = 0;
    for (const auto& [id, stream] : streams().all) count += stream->queue.size();
    if (count > 0) report("%zu piece(s) of work never ran: the program did not wait for them", count);
  }
} report_at_exit;

}  // namespace

void enqueue(ihipStream_t* stream, std::function<hipError_t()> work) {
  const lock guard;
  order_with_legacy(stream);
  push(stream, {std::move(work)});
}

void enqueue_wait(ihipStream_t* stream, const event_record& record) {
  const lock guard;
  order_with_legacy(stream);
  push(stream, {nullptr, record.stream, record.count});
}

hipError_t finish(uint64_t stream_id, uint64_t count) {
  const std::lock_guard running(running_mutex());
  for (;;) {
    queue_entry entry;
    {
      const lock guard;
      const auto found = streams().all.find(stream_id);
      if (found == streams().all.end() || found->second->done >= count || found->second->queue.empty()) return fault();
      entry = std::move(found->second->queue.front());
      found->second->queue.pop_front();
    }
    hipError_t error = hipSuccess;
    if (entry.wait_stream != 0) {
      error = finish(entry.wait_stream, entry.wait_count);
    } else if (fault() == hipSuccess) {
      error = entry.work();
    }
    if (error != hipSuccess) set_fault(error);
    const lock guard;
    if (const auto found = streams().all.find(stream_id); found != streams().all.end()) ++found->second->done;
  }
}

hipError_t finish(ihipStream_t* stream) {
  if (!options().late) return fault();
  uint64_t id, count;
  {
    const lock guard;
    if (stream->is_default) order_with_legacy(stream);
    id = stream->id;
    count = stream->pushed;
  }
  return finish(id, count);
}

// The youngest stream first: the order that the program wrote down the least.
hipError_t finish_all() {
  if (!options().late) return hipSuccess;
  std::vector<std::pair<uint64_t, uint64_t>> all;
  {
    const lock guard;
    for (const auto& [id, stream] : streams().all) all.emplace_back(id, stream->pushed);
  }
  for (auto next = all.rbegin(); next != all.rend(); ++next) (void)finish(next->first, next->second);
  return fault();
}

bool run_one(ihipStream_t* stream, uint64_t count) {
  uint64_t id, done;
  {
    const lock guard;
    id = stream->id;
    done = stream->done;
  }
  if (done >= count) return false;
  (void)finish(id, done + 1);
  return true;
}

}  // namespace hip_sim
