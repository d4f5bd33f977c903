#pragma once

#include <cstdint>

#include "paragon/platform/macros.hpp"
#include "paragon/types/minifloat.hpp"

namespace paragon {

/// bfloat16: the upper half of a binary32, 8 exponent bits (bias 127), 7 mantissa bits, largest finite value
/// 0x1.FEp127. A storage type: it has no arithmetic, convert to float for that. Same size, alignment and bits as
/// `__hip_bfloat16` and `__nv_bfloat16`; it may alias other types (an extension of all supported compilers) so that
/// buffers of the vendors' types can be read in place, see interop.hpp.
struct [[gnu::may_alias]] bf16 {
  std::uint16_t bits;

  bf16() = default;

  /// Nearest bfloat16, ties to even; 0x1.FFp127 and above become infinity; NaN stays NaN, quiet, with its sign.
  PARAGON_HD constexpr explicit bf16(float value) : bits(detail::ieee16<7, 127>::encode(value)) {}

  /// The exact value.
  PARAGON_HD constexpr explicit operator float() const { return detail::ieee16<7, 127>::decode(bits); }

  PARAGON_HD static constexpr bf16 from_bits(std::uint16_t bits) {
    bf16 result{};
    result.bits = bits;
    return result;
  }

  /// The largest finite value.
  PARAGON_HD static constexpr bf16 max() { return from_bits(0x7f7f); }

  /// Equality of bits: NaN equals itself, and the zeros of both signs differ.
  friend constexpr bool operator==(bf16, bf16) = default;
};

static_assert(sizeof(bf16) == 2 && alignof(bf16) == 2);

}  // namespace paragon
