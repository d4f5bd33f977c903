#pragma once

#include <boost/context/fiber.hpp>
#include <boost/context/preallocated.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "paragon/platform/host/sanitizer.hpp"

namespace paragon::platform::host {

/// A copy of 16 bytes that a lane has started and not waited for.
struct pending_copy {
  void* to;
  const void* from;
};

/// One thread of execution inside an operating system thread: a lane of a workgroup, or the thread's own stack that
/// lanes are started from. A lane's fiber and stack live as long as the lane and run one workgroup after the other.
class lane_context {
 public:
  /// The calling thread's own stack.
  lane_context() { stack_.adopt_thread(); }

  /// A fiber that runs `body()` when it is first switched to. `body` must never return, except after it was
  /// switched to by `retire`.
  /// @param colour any number; lanes of neighbouring colours use different cache sets for the same stack depth
  template <class Body> lane_context(int colour, Body body) {
    boost::context::protected_fixedsize_stack allocator(stack_bytes);
    const boost::context::stack_context memory = allocator.allocate();
    const std::size_t offset = static_cast<std::size_t>(colour) * colour_stride % page_bytes;
    char* top = static_cast<char*>(memory.sp) - offset;
    stack_.adopt(static_cast<char*>(memory.sp) - memory.size, memory.size);
    fiber_ = boost::context::fiber(std::allocator_arg, boost::context::preallocated(top, memory.size - offset, memory),
                                   allocator, [this, body](boost::context::fiber&& from) {
                                     arrive(std::move(from));
                                     body();
                                     stack_.leave(previous_->stack_, true);
                                     return std::move(previous_->fiber_);
                                   });
  }

  lane_context(const lane_context&) = delete;
  lane_context& operator=(const lane_context&) = delete;

  /// Goes on with `next`; returns when some lane switches back to this one. Called by this lane itself.
  void switch_to(lane_context& next) {
    next.previous_ = this;
    stack_.leave(next.stack_);
    arrive(std::move(next.fiber_).resume());
  }

  /// Lets `ending`'s body return, and frees its stack. Called by this lane itself; `ending` runs nothing now.
  void retire(lane_context& ending) {
    ending.previous_ = this;
    stack_.leave(ending.stack_);
    // The fiber frees its stack while it returns to this one: nothing of it may be touched from here on.
    stack_record ended;
    boost::context::fiber nothing = std::move(ending.fiber_).resume();
    stack_.enter(ended);
    ending.stack_.release();
  }

  int index = 0;  ///< position in its wave
  int wave = 0;   ///< position of its wave in the workgroup
  std::vector<pending_copy> copies;

 private:
  // Virtual memory; only what is touched is backed. The sanitizer's redzones multiply the size of a frame.
  static constexpr std::size_t stack_bytes = address_sanitizer ? 512 * 1024 : 128 * 1024;
  static constexpr std::size_t page_bytes = 4096;
  // Stacks begin at page boundaries, so without an offset all lanes would use the same few sets of every cache.
  static constexpr std::size_t colour_stride = 5 * 64;

  // Runs first on this lane's stack after a switch to it.
  void arrive(boost::context::fiber&& from) {
    previous_->fiber_ = std::move(from);
    stack_.enter(previous_->stack_);
  }

  boost::context::fiber fiber_;
  lane_context* previous_ = nullptr;
  stack_record stack_;
};

}  // namespace paragon::platform::host
