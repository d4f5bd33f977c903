#pragma once

#include <algorithm>
#include <array>
#include <support/graph.hpp>

namespace paragon_bench {

/// Median device time, in microseconds, of one of the `count` launches that `record(i, stream)` puts into a stream, i
/// from 0 to count - 1; each on its own data, so that a data set is out of the caches when its turn comes again. All of
/// them are replayed as one graph, eleven times, of which the first two are warm-up.
template <class Record> double median_time(int count, const Record& record) {
  const examples::device_stream stream;
  const examples::captured_graph graph{stream, [&] {
                                         for (int i = 0; i < count; ++i) record(i, stream.get());
                                       }};
  examples::device_event begin, end;
  std::array<double, 9> times{};
  for (int replay = -2; replay < 9; ++replay) {
    begin.record(stream);
    graph.launch(stream);
    end.record(stream);
    stream.synchronize();
    if (replay >= 0) times[static_cast<std::size_t>(replay)] = end.microseconds_since(begin) / count;
  }
  std::ranges::nth_element(times, times.begin() + 4);
  return times[4];
}

}  // namespace paragon_bench
