#pragma once

#include "paragon/platform/macros.hpp"

namespace paragon {

struct fp8_e4m3fn;
struct fp8_e4m3fnuz;

namespace platform {

/// The instruction families that kernels are written for. A device belongs to exactly one of them: cdna2 is gfx90a,
/// cdna3 is gfx942 and gfx950.
enum class target_family { cdna2, cdna3, rdna3, rdna4, sm80 };

/// The 8-bit e4m3 format that a device converts in hardware: the OCP one (`fn`), the one with a single NaN and no
/// negative zero (`fnuz`), or none, where software reads both.
enum class fp8_hardware { none, fn, fnuz };

/// Target families as types: a kernel names the one it is written for, and is compiled in that family's device pass
/// only. `wave_size` is in lanes, `lds_bytes` is the shared memory one workgroup may use (AMD's instruction set
/// manuals, "LDS"; NVIDIA: the least of the family's limits in the CUDA programming guide's table of compute
/// capabilities, that of 8.6 and 8.9), `name` is for messages. `counts_loads`: code waits for a load by the number of
/// loads issued after it; where some of them are under a condition, it waits for too many. On such targets, rows of 16
/// lanes exchange values as part of ordinary instructions. `fp8_terms`: as how many fp8 numbers, at most, something is
/// multiplied with fp8 (mma/split.hpp); 0 where matrix instructions take none. `runs_on(family)`: whether a device of
/// that family runs the target's kernels.
namespace target {

/// gfx90a, gfx942, gfx950: matrix instructions of the MFMA kind.
struct cdna {
  static constexpr int wave_size = 64;
  static constexpr int lds_bytes = 64 * 1024;
  static constexpr const char* name = "cdna";
  static constexpr bool counts_loads = true;
  static constexpr int fp8_terms = 0;
  static constexpr bool runs_on(target_family f) { return f == target_family::cdna2 || f == target_family::cdna3; }
};

/// gfx90a alone, and gfx942 with gfx950, for kernels in which they differ.
struct cdna2 : cdna {
  using general = cdna;
  static constexpr target_family family = target_family::cdna2;
  static constexpr const char* name = "cdna2";
  static constexpr bool runs_on(target_family f) { return f == family; }
};
struct cdna3 : cdna {
  using general = cdna;
  static constexpr target_family family = target_family::cdna3;
  static constexpr const char* name = "cdna3";
  static constexpr int fp8_terms = 3;
  static constexpr bool runs_on(target_family f) { return f == family; }
};

/// gfx11xx: WMMA with operands replicated in both halves of the wave.
struct rdna3 {
  using general = rdna3;
  static constexpr target_family family = target_family::rdna3;
  static constexpr int wave_size = 32;
  static constexpr int lds_bytes = 64 * 1024;
  static constexpr const char* name = "rdna3";
  static constexpr bool counts_loads = true;
  static constexpr int fp8_terms = 0;
  static constexpr bool runs_on(target_family f) { return f == family; }
};

/// gfx12xx: WMMA without replication, fp8 included.
struct rdna4 {
  using general = rdna4;
  static constexpr target_family family = target_family::rdna4;
  static constexpr int wave_size = 32;
  static constexpr int lds_bytes = 64 * 1024;
  static constexpr const char* name = "rdna4";
  static constexpr bool counts_loads = true;
  static constexpr int fp8_terms = 2;
  static constexpr bool runs_on(target_family f) { return f == family; }
};

/// NVIDIA, compute capability 8.0 and later: `mma.sync`.
struct sm80 {
  using general = sm80;
  static constexpr target_family family = target_family::sm80;
  static constexpr int wave_size = 32;
  static constexpr int lds_bytes = 99 * 1024;
  static constexpr const char* name = "sm80";
  static constexpr bool counts_loads = false;
  static constexpr int fp8_terms = 0;
  static constexpr bool runs_on(target_family f) { return f == family; }
};

/// For kernels without wave operations, which run unchanged on every device. `wave_size` only sizes the workgroup
/// (threads = waves * wave_size); it is not the width of a hardware wave everywhere.
struct any {
  static constexpr int wave_size = PARAGON_PLATFORM_NVIDIA ? 32 : 64;
  static constexpr int lds_bytes = 64 * 1024;
  static constexpr const char* name = "any";
};

}  // namespace target

/// True in the passes that compile code for devices that `Target` runs on: in every device pass for target::any, never
/// in the host pass of an AMD or NVIDIA build. The host platform runs the kernels of all targets, so there it is always
/// true.
template <class Target> inline constexpr bool is_current = PARAGON_PLATFORM_HOST == 1;

/// True where the target compiled for reads KV elements of type `KV`: false for the fp8 format that is foreign to the
/// hardware (gfx942 has fnuz only; gfx950, gfx12xx and sm_89 upwards have fn only). Targets without fp8 hardware, and
/// the host, read both in software. All other types are read everywhere.
template <class KV> inline constexpr bool reads = true;

#if defined(__HIP_DEVICE_COMPILE__) && __HIP_DEVICE_COMPILE__
template <> inline constexpr bool is_current<target::any> = true;
#if defined(__gfx90a__) || defined(__gfx942__) || defined(__gfx950__)
template <> inline constexpr bool is_current<target::cdna> = true;
#if defined(__gfx90a__)
template <> inline constexpr bool is_current<target::cdna2> = true;
#else
template <> inline constexpr bool is_current<target::cdna3> = true;
#endif
#elif defined(__GFX11__)
template <> inline constexpr bool is_current<target::rdna3> = true;
#elif defined(__gfx1200__) || defined(__gfx1201__)
template <> inline constexpr bool is_current<target::rdna4> = true;
#endif
#if defined(__gfx942__)
template <> inline constexpr bool reads<fp8_e4m3fn> = false;
#elif defined(__gfx950__) || defined(__GFX12__)
template <> inline constexpr bool reads<fp8_e4m3fnuz> = false;
#endif
#endif

#if defined(__CUDA_ARCH__)
template <> inline constexpr bool is_current<target::any> = true;
#if __CUDA_ARCH__ >= 800
template <> inline constexpr bool is_current<target::sm80> = true;
#endif
#if __CUDA_ARCH__ >= 890
template <> inline constexpr bool reads<fp8_e4m3fnuz> = false;
#endif
#endif

/// Copies from global to shared memory that run beside the calling wave and need no registers, on targets that have
/// them: `available`, and then
///   copy(shared, global)   starts to copy 16 bytes; both addresses are aligned to 16
///   wait()                 returns when the calling lane's copies have arrived; `wave_ops::converge` after it makes
///                          them visible to the wave
template <class Target> struct async_copies { static constexpr bool available = false; };

/// The targets whose kernels this build holds, as types.
template <class... Targets> struct target_list {
  /// Calls f(target) with the target of `family`; nothing if the build does not hold it.
  template <class F> static constexpr void visit(target_family family, F f) {
    ((family == Targets::family ? f(Targets{}) : void()), ...);
  }
};
#if PARAGON_PLATFORM_AMD
using targets = target_list<target::cdna2, target::cdna3, target::rdna3, target::rdna4>;
#elif PARAGON_PLATFORM_NVIDIA
using targets = target_list<target::sm80>;
#else
using targets = target_list<target::cdna2, target::cdna3, target::rdna3, target::rdna4, target::sm80>;
#endif

}  // namespace platform

namespace target = platform::target;

}  // namespace paragon
