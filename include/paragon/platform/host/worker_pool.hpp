#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "paragon/platform/host/workgroup.hpp"

namespace paragon::platform::host {

/// The threads that execute workgroups: the one that launches, and as many others as there are further hardware
/// threads, at least one, so that workgroups do run at the same time.
class worker_pool {
 public:
  worker_pool() {
    const unsigned threads = std::max(2u, std::thread::hardware_concurrency());
    for (unsigned i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  }

  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  ~worker_pool() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    started_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  /// Executes all workgroups and returns when the last one has ended. They are begun in the order of their numbers.
  /// Launches from several threads run one after the other.
  void run(const grid& launch) {
    const std::lock_guard one_at_a_time(launches_);
    next_workgroup_.store(0, std::memory_order_relaxed);
    if (launch.workgroups == 1) return run_workgroups(launch);
    {
      const std::lock_guard lock(mutex_);
      launch_ = &launch;
      ++generation_;
    }
    started_.notify_all();
    run_workgroups(launch);
    std::unique_lock lock(mutex_);
    launch_ = nullptr;  // a worker that wakes up only now has nothing left to do
    idle_.wait(lock, [this] { return busy_ == 0; });
  }

  /// The pool of this process. Its threads start with the first launch.
  static worker_pool& instance() {
    static worker_pool pool;
    return pool;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (unsigned seen = 0;;) {
      started_.wait(lock, [&] { return stopping_ || (launch_ != nullptr && generation_ != seen); });
      if (stopping_) return;
      seen = generation_;
      const grid& launch = *launch_;
      ++busy_;
      lock.unlock();
      run_workgroups(launch);
      lock.lock();
      if (--busy_ == 0) idle_.notify_one();
    }
  }

  void run_workgroups(const grid& launch) {
    thread_local workgroup_runner runner;
    for (;;) {
      const int workgroup = next_workgroup_.fetch_add(1, std::memory_order_relaxed);
      if (workgroup >= launch.workgroups) return;
      runner.run(launch, workgroup);
    }
  }

  std::mutex launches_;
  std::mutex mutex_;  // guards everything below but next_workgroup_
  std::condition_variable started_;
  std::condition_variable idle_;
  const grid* launch_ = nullptr;
  unsigned generation_ = 0;
  int busy_ = 0;
  bool stopping_ = false;
  std::atomic<int> next_workgroup_{0};
  std::vector<std::thread> workers_;
};

}  // namespace paragon::platform::host
