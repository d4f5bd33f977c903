// What the environment asks for, and the simulated processor.
#pragma once

#include "hip.hpp"

namespace hip_sim {

struct option_values {
  int compute_units = 8;  ///< HIP_SIM_CUS
  int devices = 1;        ///< HIP_SIM_DEVICES
  bool late = false;      ///< HIP_SIM_LATE=1: work runs as late as the program allows
  bool trace = false;     ///< HIP_SIM_TRACE=1: one line per launch
};
const option_values& options();

constexpr int max_devices = 64;
/// Small, so that programs that take a share of what is free stay small.
constexpr size_t device_memory = size_t(8) << 30;

/// What programs base decisions on has to be right (wave size, shared memory, registers); the rest is plausible.
struct processor {
  const char* name;
  int major, minor;
  int wave_size;          ///< that the compiler uses by default
  unsigned lds;           ///< bytes per workgroup
  unsigned lds_per_unit;  ///< bytes per compute unit or workgroup processor
  int registers;          ///< vector registers per lane of a SIMD, at the default wave size
  int register_granule;   ///< in which they are handed out
  int waves_per_simd;
  int l2_bytes;
  int clock_khz, memory_clock_khz, memory_bus_bits;
  const char* features;  ///< what follows the name in gcnArchName
  int xccs;
};

/// The processor of all devices: HIP_SIM_ARCH, or that of the program's first code object. Null if it is not known
/// here, which is reported once.
const processor* find_processor();
/// The same where a device is known to exist.
const processor& simulated_processor();
/// Name and features, such as gfx942:sramecc+:xnack-.
std::string processor_target();
/// The first code object that is seen decides, unless the environment does: its target is "gfx942:sramecc+" or the
/// like.
void suggest_processor(const std::string& target);

}  // namespace hip_sim
