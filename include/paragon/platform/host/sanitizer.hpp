#pragma once

/// @file
/// What the address and thread sanitizers must be told when a thread goes on with another stack. All of it is empty
/// without a sanitizer.

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define PARAGON_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PARAGON_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define PARAGON_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PARAGON_THREAD_SANITIZER 1
#endif
#endif

#ifdef PARAGON_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef PARAGON_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

namespace paragon::platform::host {

#ifdef PARAGON_ADDRESS_SANITIZER
inline constexpr bool address_sanitizer = true;
#else
inline constexpr bool address_sanitizer = false;
#endif

/// The sanitizers' record of one stack. Every stack that a thread runs on owns one, the thread's first stack too.
class stack_record {
 public:
  /// The stack that the calling thread was born with.
  void adopt_thread() {
#ifdef PARAGON_THREAD_SANITIZER
    thread_fiber_ = __tsan_get_current_fiber();
#endif
  }

  /// A stack of our own: `size` bytes from `bottom` upwards, new from the system.
  void adopt([[maybe_unused]] const void* bottom, [[maybe_unused]] std::size_t size) {
#ifdef PARAGON_ADDRESS_SANITIZER
    // These addresses may have been a stack before, of a fiber whose first frames never returned.
    __asan_unpoison_memory_region(bottom, size);
    bottom_ = bottom;
    size_ = size;
#endif
#ifdef PARAGON_THREAD_SANITIZER
    thread_fiber_ = __tsan_create_fiber(0);
#endif
  }

  /// The stack is about to be freed; nothing runs on it.
  void release() {
#ifdef PARAGON_THREAD_SANITIZER
    __tsan_destroy_fiber(thread_fiber_);
#endif
  }

  /// Called on this stack, just before the switch to `next`. A stack that is left for the last time says so.
  void leave([[maybe_unused]] stack_record& next, [[maybe_unused]] bool last_time = false) {
#ifdef PARAGON_ADDRESS_SANITIZER
    __sanitizer_start_switch_fiber(last_time ? nullptr : &fake_stack_, next.bottom_, next.size_);
#endif
#ifdef PARAGON_THREAD_SANITIZER
    __tsan_switch_to_fiber(next.thread_fiber_, 0);
#endif
  }

  /// Called on this stack, just after the switch from `previous`.
  void enter([[maybe_unused]] stack_record& previous) {
#ifdef PARAGON_ADDRESS_SANITIZER
    __sanitizer_finish_switch_fiber(fake_stack_, &previous.bottom_, &previous.size_);
#endif
  }

 private:
#ifdef PARAGON_ADDRESS_SANITIZER
  void* fake_stack_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
#endif
#ifdef PARAGON_THREAD_SANITIZER
  void* thread_fiber_ = nullptr;
#endif
};

}  // namespace paragon::platform::host
