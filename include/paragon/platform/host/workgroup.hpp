#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <source_location>
#include <utility>
#include <vector>

#include "paragon/platform/host/lane_context.hpp"

namespace paragon::platform::host {

/// A kernel without its type, and the extent of its launch.
struct grid {
  void (*run)(const void* arguments, std::byte* shared);
  const void* arguments;
  int workgroups;
  int waves;
  int wave_size;
  std::size_t shared_bytes;
};

/// Ends the program: the kernel that is running broke a rule of the platform. The rest is printf's.
template <class... Values> [[noreturn]] void kernel_error(const char* format, Values... values) {
  std::fputs("paragon host platform: ", stderr);
  std::fprintf(stderr, format, values...);
  std::fputs("\n", stderr);
  std::abort();
}

/// Where lanes meet: an operation and the place in the kernel that calls it. All lanes of a wave must be at the same.
struct meeting {
  const void* operation;  ///< an address that stands for the operation and the types it works on
  const char* name;
  std::source_location where;

  bool operator==(const meeting& other) const {
    return operation == other.operation && where.line() == other.where.line() && where.column() == other.where.column();
  }
};

/// The address that stands for an operation on lanes, given as types.
template <class... Types> inline constexpr char operation_identity = 0;

/// Runs workgroups of one grid after the other on the calling thread. The lanes are fibers. A lane runs until it waits
/// for others, then the next one of its wave goes on: the last lane to arrive finds all others waiting, completes the
/// operation and goes on at once. So every lane is left and entered once per rendezvous. Waves take turns in the same
/// way at barriers.
class workgroup_runner {
 public:
  static constexpr int max_wave_size = 64;

  workgroup_runner() = default;
  workgroup_runner(const workgroup_runner&) = delete;
  workgroup_runner& operator=(const workgroup_runner&) = delete;

  ~workgroup_runner() {
    retiring_ = true;
    for (auto& lane : lanes_) thread_.retire(*lane);
  }

  /// Executes one workgroup of the grid from start to end.
  void run(const grid& launch, int workgroup) {
    prepare(launch);
    workgroup_ = workgroup;
    waves_waiting_ = waves_ended_ = 0;
    for (int i = 0; i < launch.waves; ++i) {
      waves_[static_cast<std::size_t>(i)].resume_at = &lane_of(i, 0);
    }
    workgroup_runner* outer = std::exchange(active_, this);
    current_ = &lane_of(0, 0);
    thread_.switch_to(*current_);
    active_ = outer;
  }

  /// The runner whose kernel the calling thread executes.
  static workgroup_runner& active() {
    if (active_ == nullptr) kernel_error("a device function was called outside a kernel");
    return *active_;
  }

  int lane() const { return current_->index; }
  int wave() const { return current_->wave; }
  int waves() const { return grid_.waves; }
  int workgroup() const { return workgroup_; }
  int workgroups() const { return grid_.workgroups; }
  std::vector<pending_copy>& copies() { return current_->copies; }

  void check_wave_size(int wave_size) const {
    if (wave_size != grid_.wave_size) {
      kernel_error("a kernel for waves of %d lanes uses wave operations for %d lanes", grid_.wave_size, wave_size);
    }
  }

  /// The calling lane brings its operands and returns after the operation was done. `operation` is called once, by the
  /// last lane to arrive, with the operands of all lanes in order.
  template <int WaveSize, class Operands, class Operation>
  void collective(const meeting& at, Operands& mine, Operation& operation) {
    check_wave_size(WaveSize);
    wave_state& wave = current_wave();
    using pointers = std::array<Operands*, WaveSize>;
    const bool first = wave.arrived == 0;
    const bool last = arrive(wave, at);
    // In place with its final type: a copy to there by the last lane costs more than the switches of a whole wave.
    pointers& all = first ? *new (wave.operands) pointers : *std::launder(reinterpret_cast<pointers*>(wave.operands));
    all[static_cast<std::size_t>(lane())] = &mine;
    if (!last) return wait_for_wave();
    operation(all);
  }

  /// The calling lane returns after all lanes of the workgroup came here.
  void barrier(const meeting& at) {
    wave_state& wave = current_wave();
    if (!arrive(wave, at)) return wait_for_wave();
    if (waves_ended_ != 0) {
      kernel_error("workgroup %d: wave %d waits at a barrier (%s:%d) after another wave has ended", workgroup_,
                   current_->wave, at.where.file_name(), static_cast<int>(at.where.line()));
    }
    if (++waves_waiting_ == grid_.waves) {
      waves_waiting_ = 0;
      return;
    }
    wave.resume_at = current_;
    switch_to(next_wave());
  }

 private:
  struct wave_state {
    alignas(void*) std::byte operands[max_wave_size * sizeof(void*)];  // pointers to what each lane brought
    int arrived = 0;
    int first = 0;  // the lane that was here first
    meeting at;     // what it waits for
    lane_context* resume_at = nullptr;
  };

  struct free_shared {
    void operator()(std::byte* memory) const { ::operator delete[](memory, shared_alignment); }
  };

  static constexpr std::align_val_t shared_alignment{128};

  lane_context& lane_of(int wave, int lane) { return *lanes_[static_cast<std::size_t>(wave * grid_.wave_size + lane)]; }

  wave_state& current_wave() { return waves_[static_cast<std::size_t>(current_->wave)]; }

  lane_context& next_wave() {
    const int next = current_->wave + 1 == grid_.waves ? 0 : current_->wave + 1;
    return *waves_[static_cast<std::size_t>(next)].resume_at;
  }

  void switch_to(lane_context& next) {
    lane_context& self = *current_;
    current_ = &next;
    self.switch_to(next);
  }

  void wait_for_wave() {
    const int next = current_->index + 1 == grid_.wave_size ? 0 : current_->index + 1;
    switch_to(lane_of(current_->wave, next));
  }

  // True for the last lane of the wave.
  bool arrive(wave_state& wave, const meeting& at) {
    if (wave.arrived == 0) {
      wave.at = at;
      wave.first = current_->index;
    } else if (!(wave.at == at)) {
      diverged(wave, at);
    }
    if (++wave.arrived != grid_.wave_size) return false;
    wave.arrived = 0;
    return true;
  }

  [[noreturn]] void diverged(const wave_state& wave, const meeting& at) const {
    kernel_error("workgroup %d, wave %d diverged: lane %d is at %s (%s:%d), lane %d is at %s (%s:%d)", workgroup_,
                 current_->wave, wave.first, wave.at.name, wave.at.where.file_name(),
                 static_cast<int>(wave.at.where.line()), current_->index, at.name, at.where.file_name(),
                 static_cast<int>(at.where.line()));
  }

  // The life of every lane: one workgroup after the other.
  void live() {
    while (!retiring_) {
      grid_.run(grid_.arguments, shared_.get());
      finish({&operation_identity<workgroup_runner>, "the end of the kernel", std::source_location::current()});
    }
  }

  void finish(const meeting& at) {
    if (!current_->copies.empty()) {
      kernel_error("workgroup %d: lane %d of wave %d ended with %zu copies under way", workgroup_, current_->index,
                   current_->wave, current_->copies.size());
    }
    if (!arrive(current_wave(), at)) return wait_for_wave();
    if (waves_waiting_ != 0) {
      kernel_error("workgroup %d: wave %d has ended while another wave waits at a barrier", workgroup_, current_->wave);
    }
    if (++waves_ended_ != grid_.waves) return switch_to(next_wave());
    current_->switch_to(thread_);
  }

  void prepare(const grid& launch) {
    if (launch.shared_bytes != grid_.shared_bytes || !shared_) {
      shared_.reset(new (shared_alignment) std::byte[launch.shared_bytes]);
    }
    // NaN in every float format, and an index far outside every table.
    if (launch.shared_bytes != 0) std::memset(shared_.get(), 0xff, launch.shared_bytes);
    const bool same_shape = launch.waves == grid_.waves && launch.wave_size == grid_.wave_size;
    grid_ = launch;
    if (same_shape) return;
    const auto lanes = static_cast<std::size_t>(launch.waves * launch.wave_size);
    while (lanes_.size() < lanes) {
      lanes_.push_back(std::make_unique<lane_context>(static_cast<int>(lanes_.size()), [this] { live(); }));
    }
    waves_.resize(std::max(waves_.size(), static_cast<std::size_t>(launch.waves)));
    for (std::size_t i = 0; i < lanes; ++i) {
      lanes_[i]->index = static_cast<int>(i) % launch.wave_size;
      lanes_[i]->wave = static_cast<int>(i) / launch.wave_size;
    }
  }

  static inline constinit thread_local workgroup_runner* active_ = nullptr;

  grid grid_{};
  int workgroup_ = 0;
  int waves_waiting_ = 0;  // at a barrier
  int waves_ended_ = 0;
  bool retiring_ = false;
  lane_context* current_ = nullptr;
  lane_context thread_;
  std::vector<std::unique_ptr<lane_context>> lanes_;
  std::vector<wave_state> waves_;
  std::unique_ptr<std::byte[], free_shared> shared_;
};

}  // namespace paragon::platform::host
