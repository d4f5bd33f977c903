#pragma once

#include "support/device_vector.hpp"

namespace examples {

/// A stream of the device's runtime and a graph of what was put into it, under one name for HIP and CUDA.
#if PARAGON_PLATFORM_AMD
namespace runtime {
using stream = hipStream_t;
using graph = hipGraph_t;
using executable_graph = hipGraphExec_t;
inline constexpr auto create_stream = [](stream* s) { return hipStreamCreate(s); };
inline constexpr auto destroy_stream = [](stream s) { return hipStreamDestroy(s); };
inline constexpr auto synchronize = [](stream s) { return hipStreamSynchronize(s); };
inline constexpr auto begin_capture = [](stream s) { return hipStreamBeginCapture(s, hipStreamCaptureModeGlobal); };
inline constexpr auto end_capture = [](stream s, graph* g) { return hipStreamEndCapture(s, g); };
inline constexpr auto instantiate = [](executable_graph* e, graph g) { return hipGraphInstantiateWithFlags(e, g, 0); };
inline constexpr auto destroy_graph = [](graph g) { return hipGraphDestroy(g); };
inline constexpr auto destroy_executable = [](executable_graph e) { return hipGraphExecDestroy(e); };
inline constexpr auto launch = [](executable_graph e, stream s) { return hipGraphLaunch(e, s); };
using event = hipEvent_t;
inline constexpr auto create_event = [](event* e) { return hipEventCreate(e); };
inline constexpr auto destroy_event = [](event e) { return hipEventDestroy(e); };
inline constexpr auto record = [](event e, stream s) { return hipEventRecord(e, s); };
inline constexpr auto elapsed = [](float* ms, event begin, event end) { return hipEventElapsedTime(ms, begin, end); };
}  // namespace runtime
#elif PARAGON_PLATFORM_NVIDIA
namespace runtime {
using stream = cudaStream_t;
using graph = cudaGraph_t;
using executable_graph = cudaGraphExec_t;
inline constexpr auto create_stream = [](stream* s) { return cudaStreamCreate(s); };
inline constexpr auto destroy_stream = [](stream s) { return cudaStreamDestroy(s); };
inline constexpr auto synchronize = [](stream s) { return cudaStreamSynchronize(s); };
inline constexpr auto begin_capture = [](stream s) { return cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal); };
inline constexpr auto end_capture = [](stream s, graph* g) { return cudaStreamEndCapture(s, g); };
inline constexpr auto instantiate = [](executable_graph* e, graph g) { return cudaGraphInstantiateWithFlags(e, g, 0); };
inline constexpr auto destroy_graph = [](graph g) { return cudaGraphDestroy(g); };
inline constexpr auto destroy_executable = [](executable_graph e) { return cudaGraphExecDestroy(e); };
inline constexpr auto launch = [](executable_graph e, stream s) { return cudaGraphLaunch(e, s); };
using event = cudaEvent_t;
inline constexpr auto create_event = [](event* e) { return cudaEventCreate(e); };
inline constexpr auto destroy_event = [](event e) { return cudaEventDestroy(e); };
inline constexpr auto record = [](event e, stream s) { return cudaEventRecord(e, s); };
inline constexpr auto elapsed = [](float* ms, event begin, event end) { return cudaEventElapsedTime(ms, begin, end); };
}  // namespace runtime
#else
#error "graphs are of GPUs: compile with HIP or CUDA"
#endif

/// Owns a stream. Failures of the device's runtime are `std::runtime_error`s in its own words, here and below.
class device_stream {
 public:
  device_stream() { device_memory::expect(runtime::create_stream(&stream_)); }
  device_stream(const device_stream&) = delete;
  device_stream& operator=(const device_stream&) = delete;
  ~device_stream() { static_cast<void>(runtime::destroy_stream(stream_)); }

  [[nodiscard]] runtime::stream get() const { return stream_; }
  void synchronize() const { device_memory::expect(runtime::synchronize(stream_)); }

 private:
  runtime::stream stream_ = nullptr;
};

/// What `record()` puts into a stream, ready to be launched again and again.
class captured_graph {
 public:
  template <class Record> captured_graph(const device_stream& stream, const Record& record) {
    runtime::graph graph = nullptr;
    device_memory::expect(runtime::begin_capture(stream.get()));
    record();
    device_memory::expect(runtime::end_capture(stream.get(), &graph));
    const auto instantiated = runtime::instantiate(&executable_, graph);
    static_cast<void>(runtime::destroy_graph(graph));
    device_memory::expect(instantiated);
  }
  captured_graph(const captured_graph&) = delete;
  captured_graph& operator=(const captured_graph&) = delete;
  ~captured_graph() { static_cast<void>(runtime::destroy_executable(executable_)); }

  void launch(const device_stream& stream) const { device_memory::expect(runtime::launch(executable_, stream.get())); }

 private:
  runtime::executable_graph executable_ = nullptr;
};

/// A point in a stream's work.
class device_event {
 public:
  device_event() { device_memory::expect(runtime::create_event(&event_)); }
  device_event(const device_event&) = delete;
  device_event& operator=(const device_event&) = delete;
  ~device_event() { static_cast<void>(runtime::destroy_event(event_)); }

  void record(const device_stream& stream) { device_memory::expect(runtime::record(event_, stream.get())); }
  /// Device time since `begin`, of which both must have passed.
  [[nodiscard]] double microseconds_since(const device_event& begin) const {
    float milliseconds = 0.0f;
    device_memory::expect(runtime::elapsed(&milliseconds, begin.event_, event_));
    return 1e3 * static_cast<double>(milliseconds);
  }

 private:
  runtime::event event_ = nullptr;
};

}  // namespace examples
