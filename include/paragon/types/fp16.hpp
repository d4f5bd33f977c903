#pragma once

#include <cstdint>

#include "paragon/platform/macros.hpp"
#include "paragon/types/minifloat.hpp"

namespace paragon {

/// IEEE 754 binary16: 5 exponent bits (bias 15), 10 mantissa bits, largest finite value 65504. A storage type: it has
/// no arithmetic, convert to float for that. Same size, alignment and bits as `__half`; it may alias other types (an
/// extension of all supported compilers) so that buffers of the vendors' types can be read in place, see interop.hpp.
struct [[gnu::may_alias]] fp16 {
  std::uint16_t bits;

  fp16() = default;

  /// Nearest binary16, ties to even; 65520 and above become infinity; NaN stays NaN, quiet, with its sign.
  PARAGON_HD constexpr explicit fp16(float value) : bits(detail::ieee16<10, 15>::encode(value)) {}

  /// The exact value.
  PARAGON_HD constexpr explicit operator float() const { return detail::ieee16<10, 15>::decode(bits); }

  PARAGON_HD static constexpr fp16 from_bits(std::uint16_t bits) {
    fp16 result{};
    result.bits = bits;
    return result;
  }

  /// The largest finite value.
  PARAGON_HD static constexpr fp16 max() { return from_bits(0x7bff); }

  /// Equality of bits: NaN equals itself, and the zeros of both signs differ.
  friend constexpr bool operator==(fp16, fp16) = default;
};

static_assert(sizeof(fp16) == 2 && alignof(fp16) == 2);

}  // namespace paragon
