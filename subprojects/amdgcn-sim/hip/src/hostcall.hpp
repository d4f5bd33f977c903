// What device code asks the host for while a kernel runs: to print, for printf and assert. The layout of the buffer
// that both look at, and of the messages in it, is fixed by the device libraries.
#pragma once

#include "hip.hpp"

namespace hip_sim {

/// Serves requests until end_hostcalls(). Returns the value of the hidden argument hostcall_buffer.
void* begin_hostcalls();
void end_hostcalls();

/// Puts together the messages that arrive in packets, and prints them.
class device_printer {
 public:
  /// One packet of one lane. Slot 0 describes it, slots 1 to 7 carry data. A first packet gets the message's number
  /// into slot 0, a last one what printf returns.
  void take(uint64_t* slots);

 private:
  std::map<uint64_t, std::vector<uint64_t>> open_;
  uint64_t next_ = 0;
};

}  // namespace hip_sim
