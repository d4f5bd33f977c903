#pragma once

#include <concepts>
#include <type_traits>

#include "paragon/platform/macros.hpp"
#include "paragon/types/bf16.hpp"
#include "paragon/types/fp16.hpp"
#include "paragon/types/fp8.hpp"

/// @file
/// Pointers to HIP's and CUDA's own number types, used as pointers to the library's, without a copy.
///
/// This is the one header outside platform/ that names vendors' types. It needs no vendor header and no conditional:
/// the types are declared here without their definitions, which is all that a pointer needs, so it works whichever of
/// the vendor headers are included, before it, after it or not at all. `__half` is the same name in HIP and in CUDA.

struct __half;
struct __hip_bfloat16;
struct hip_bfloat16;
struct __hip_fp8_e4m3;
struct __hip_fp8_e4m3_fnuz;
struct __nv_bfloat16;
struct __nv_fp8_e4m3;

namespace paragon {

/// Names, as `type`, the storage type whose size, alignment and bits the type `Foreign` shares. A program may
/// specialise it for number types of its own.
template <class Foreign> struct storage_equivalent {};

// clang-format off
template <> struct storage_equivalent<::__half> { using type = fp16; };
template <> struct storage_equivalent<::__hip_bfloat16> { using type = bf16; };
template <> struct storage_equivalent<::hip_bfloat16> { using type = bf16; };
template <> struct storage_equivalent<::__hip_fp8_e4m3> { using type = fp8_e4m3fn; };
template <> struct storage_equivalent<::__hip_fp8_e4m3_fnuz> { using type = fp8_e4m3fnuz; };
template <> struct storage_equivalent<::__nv_bfloat16> { using type = bf16; };
template <> struct storage_equivalent<::__nv_fp8_e4m3> { using type = fp8_e4m3fn; };
// clang-format on

/// `Foreign` is a declared equivalent of the storage type `Ours`.
template <class Foreign, class Ours>
concept equivalent_of = std::same_as<typename storage_equivalent<Foreign>::type, Ours>;

/// One of the two types is the declared equivalent of the other.
template <class A, class B>
concept same_storage = equivalent_of<A, B> || equivalent_of<B, A>;

/// The same address as a pointer to `To`, in either direction: `pointer_cast<fp16>(half_pointer)`,
/// `pointer_cast<__half>(fp16_pointer)`. Constness is kept. Only types that share their bits are accepted: a pointer to
/// fp8_e4m3fn never becomes one to a fnuz type. Reading and writing through the storage types is defined whatever the
/// object's own type is; through the vendors' types the usual aliasing rule applies.
template <class To, class From>
requires(same_storage<To, std::remove_const_t<From>>) PARAGON_HD auto pointer_cast(From* pointer) {
  if constexpr (requires { sizeof(To) == sizeof(From); }) {
    static_assert(sizeof(To) == sizeof(From) && alignof(To) == alignof(From),
                  "a storage_equivalent must have the size and the alignment of the storage type it names");
  }
  using target = std::conditional_t<std::is_const_v<From>, const To, To>;
  return reinterpret_cast<target*>(pointer);
}

}  // namespace paragon
