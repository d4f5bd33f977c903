#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <type_traits>
#include <utility>

#include "paragon/platform/host/workgroup.hpp"
#include "paragon/platform/macros.hpp"

namespace paragon::platform {

/// An operation of all lanes of the wave, for what no other operation here expresses (matrix instructions): every lane
/// brings its `mine`; `operation` is called once for the wave with a `std::array<Operands*, WaveSize>&`, pointers to
/// the `mine` of all lanes in order, and may change any of them. Host platform only. Precondition: all lanes of the
/// wave call it at the same place.
template <int WaveSize, class Operands, class Operation>
void collective(Operands& mine, Operation operation,
                const std::source_location where = std::source_location::current()) {
  const host::meeting at{&host::operation_identity<Operands, Operation>, "a collective operation", where};
  host::workgroup_runner::active().collective<WaveSize>(at, mine, operation);
}

/// Operations of one wave of `WaveSize` lanes. All but `lane`, `index` and `count` are rendezvous: every lane of the
/// wave must call them, at the same place. On the host platform anything else ends the program with a message.
template <int WaveSize> struct wave_ops {
  static_assert(WaveSize == 32 || WaveSize == 64, "a wave has 32 or 64 lanes");

  static constexpr int size = WaveSize;

  /// Position of the calling lane in its wave, 0 to WaveSize - 1.
  static PARAGON_DEVICE int lane() {
    const auto& runner = host::workgroup_runner::active();
    runner.check_wave_size(WaveSize);
    return runner.lane();
  }

  /// The same for code outside of loops over tokens: what AMD's compiler computes from it is not kept in registers
  /// across them.
  static PARAGON_DEVICE int lane_again() { return lane(); }

  /// Position of the wave in its workgroup.
  static PARAGON_DEVICE int index() { return host::workgroup_runner::active().wave(); }

  /// Waves in the workgroup.
  static PARAGON_DEVICE int count() { return host::workgroup_runner::active().waves(); }

  /// The lanes meet again after code in which they went different ways. For compilers: where that code ends, so that
  /// what follows keeps the form of code without divergence.
  static PARAGON_DEVICE void converge(const std::source_location where = std::source_location::current()) {
    any(false, where);
  }

  /// True in all lanes if `condition` is true in at least one.
  static PARAGON_DEVICE bool any(bool condition, const std::source_location where = std::source_location::current()) {
    const host::meeting at{&host::operation_identity<wave_ops>, "any", where};
    const auto operation = [](std::array<bool*, WaveSize>& conditions) {
      bool result = false;
      for (const bool* one : conditions) result |= *one;
      for (bool* one : conditions) *one = result;
    };
    host::workgroup_runner::active().collective<WaveSize>(at, condition, operation);
    return condition;
  }

  /// The value that lane `source_lane` passed. T is a 32-bit type. Precondition: 0 <= source_lane < WaveSize.
  template <class T>
  static PARAGON_DEVICE T shuffle(T value, int source_lane,
                                  const std::source_location where = std::source_location::current()) {
    struct operands {
      T value;
      int source;
      T result;
    };
    static_assert(sizeof(T) == 4, "lanes exchange 32-bit values");
    if (source_lane < 0 || source_lane >= WaveSize) {
      host::kernel_error("shuffle (%s:%d) reads lane %d of a wave of %d", where.file_name(),
                         static_cast<int>(where.line()), source_lane, WaveSize);
    }
    const host::meeting at{&host::operation_identity<wave_ops, T>, "shuffle", where};
    operands mine{value, source_lane, value};
    const auto operation = [](std::array<operands*, WaveSize>& lanes) {
      for (operands* one : lanes) one->result = lanes[static_cast<std::size_t>(one->source)]->value;
    };
    host::workgroup_runner::active().collective<WaveSize>(at, mine, operation);
    return mine.result;
  }

  /// The value that lane `Lane` of the calling lane's row of 16 passed. Only where the target counts loads.
  template <int Lane>
  static PARAGON_DEVICE std::int64_t broadcast_in_row(
      std::int64_t value, const std::source_location where = std::source_location::current()) {
    static_assert(Lane >= 0 && Lane < 16, "a row has 16 lanes");
    const host::meeting at{&host::operation_identity<wave_ops, std::integral_constant<int, Lane>>, "broadcast_in_row",
                           where};
    const auto operation = [](std::array<std::int64_t*, WaveSize>& lanes) {
      for (std::size_t i = 0; i < WaveSize; ++i)
        if (i % 16 != Lane) *lanes[i] = *lanes[i / 16 * 16 + Lane];
    };
    host::workgroup_runner::active().collective<WaveSize>(at, value, operation);
    return value;
  }

  /// The value that lane `lane() ^ Mask` passed. T is a 32-bit type.
  template <int Mask, class T>
  static PARAGON_DEVICE T shuffle_xor(T value, const std::source_location where = std::source_location::current()) {
    static_assert(sizeof(T) == 4, "lanes exchange 32-bit values");
    static_assert(Mask > 0 && Mask < WaveSize, "the mask must name another lane of the wave");
    const host::meeting at{&host::operation_identity<wave_ops, T, std::integral_constant<int, Mask>>, "shuffle_xor",
                           where};
    const auto operation = [](std::array<T*, WaveSize>& lanes) {
      for (std::size_t i = 0; i < WaveSize; ++i) {
        if (i < (i ^ Mask)) std::swap(*lanes[i], *lanes[i ^ Mask]);
      }
    };
    host::workgroup_runner::active().collective<WaveSize>(at, value, operation);
    return value;
  }
};

/// A value that is the same in all lanes of the wave, as one that compilers know to be: it takes scalar registers where
/// there are any. Of any trivially copyable type whose size is a multiple of four bytes.
template <class T> PARAGON_DEVICE T uniform(const T& value) { return value; }

/// Index of the workgroup in its launch.
PARAGON_DEVICE int workgroup() { return host::workgroup_runner::active().workgroup(); }

/// Workgroups in the launch.
PARAGON_DEVICE int workgroups() { return host::workgroup_runner::active().workgroups(); }

/// Compilers move no instruction across it: bounds how many loads they put in flight, and with that the registers.
/// Costs nothing itself.
PARAGON_DEVICE void schedule_barrier() {}

/// Returns after every lane of the workgroup has called it; what they wrote to shared and global memory before is
/// visible to the workgroup after it. Every wave of the workgroup must come to every barrier.
PARAGON_DEVICE void barrier(const std::source_location where = std::source_location::current()) {
  host::workgroup_runner::active().barrier({&host::operation_identity<>, "a barrier", where});
}

}  // namespace paragon::platform
