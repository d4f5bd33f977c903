// A workgroup in execution: its waves take turns on one thread.
#pragma once
#include "launch.h"

namespace sim {
/// Memory from whole pages, zero until it is written.
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  ~Mapping();
  void allocate(size_t size);
  u8* data() const { return start; }
  size_t size() const { return length; }

 private:
  u8* start = nullptr;
  size_t length = 0;
};

class Workgroup {
 public:
  std::vector<Wave> waves;
  u64 rounds = 0;  // slices since a wave last passed a barrier

  Workgroup(const Launch& launch, std::vector<u64>& counts);
  /// Makes it the workgroup of that number at its start, with nothing left of the one before.
  void reset(u64 number);
  /// Runs a slice of every wave that can run. True when the workgroup has ended.
  bool run_slice();

 private:
  const Launch& launch;
  std::vector<u64>& counts;
  Group group{};
  std::vector<int> state;  // Status of each wave
  Mapping registers, scratch, shadow;
  std::vector<u8> lds;
  size_t words_per_wave;

  void reset_wave(Wave& wave, u32 index);
  void set_scalar_registers(Wave& wave);
  void set_work_item_ids(Wave& wave);
};
}  // namespace sim
