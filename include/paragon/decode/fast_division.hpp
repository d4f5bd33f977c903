#pragma once

#include <bit>
#include <cstdint>
#include <paragon/platform/macros.hpp>

namespace paragon {

/// Division of 0 <= n < 2^31 by a divisor fixed on the host, as a multiplication and a shift: exact for every n, since
/// multiplier - 2^(31+s) / d <= 1 and n < 2^31 (Granlund and Montgomery, "Division by Invariant Integers",
/// theorem 4.2).
class fast_divisor {
 public:
  fast_divisor() = default;
  /// Precondition: 1 <= divisor < 2^31.
  explicit constexpr fast_divisor(std::int32_t divisor)
      : shift_{static_cast<std::uint32_t>(31 + std::bit_width(static_cast<std::uint32_t>(divisor) - 1))},
        multiplier_{
            static_cast<std::uint32_t>((std::uint64_t{1} << shift_) / static_cast<std::uint32_t>(divisor) + 1)} {}

  PARAGON_HD constexpr std::int32_t quotient(std::int32_t n) const {
    return static_cast<std::int32_t>((std::uint64_t{static_cast<std::uint32_t>(n)} * multiplier_) >> shift_);
  }

 private:
  std::uint32_t shift_;
  std::uint32_t multiplier_;
};

}  // namespace paragon
