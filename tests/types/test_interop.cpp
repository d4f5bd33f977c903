// The vendors' headers come after the library's on purpose: it must not matter.
#include <doctest/doctest.h>

#include <cstdint>
#include <type_traits>

#include "paragon/platform/macros.hpp"
#include "paragon/types/interop.hpp"

#if PARAGON_PLATFORM_AMD
#include <hip/hip_bf16.h>
#include <hip/hip_bfloat16.h>
#include <hip/hip_fp16.h>
#include <hip/hip_fp8.h>
#elif PARAGON_PLATFORM_NVIDIA
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#endif

using namespace paragon;

namespace {

/// A number type of a program's own, with the bits of bf16.
struct own_brain_float {
  std::uint16_t payload;
};

template <class To, class From>
concept castable = requires(From* pointer) {
  pointer_cast<To>(pointer);
};

#if PARAGON_PLATFORM_AMD || PARAGON_PLATFORM_NVIDIA
/// Ours writes, the vendor's own conversion reads, and ours reads the vendor's copy. The vendors' conversions from
/// float stay out of it: HIP's to bfloat16 needs a function of the compiler's runtime library that older ones lack.
template <class Ours, class Vendor> void shares_bits_with() {
  static_assert(sizeof(Ours) == sizeof(Vendor) && alignof(Ours) == alignof(Vendor));
  for (const float value : {1.0f, -3.5f, 0.0625f}) {
    const Ours ours(value);
    const Vendor theirs = *pointer_cast<Vendor>(&ours);
    CHECK(static_cast<float>(theirs) == value);
    CHECK(*pointer_cast<Ours>(&theirs) == ours);
  }
}
#endif

}  // namespace

template <> struct paragon::storage_equivalent<own_brain_float> { using type = bf16; };

TEST_CASE("pointers to vendors' types need no vendor header") {
  static_assert(std::is_same_v<decltype(pointer_cast<fp16>(static_cast<__half*>(nullptr))), fp16*>);
  static_assert(std::is_same_v<decltype(pointer_cast<bf16>(static_cast<const __nv_bfloat16*>(nullptr))), const bf16*>);
  static_assert(std::is_same_v<decltype(pointer_cast<__half>(static_cast<const fp16*>(nullptr))), const __half*>);
  CHECK(pointer_cast<__hip_bfloat16>(static_cast<bf16*>(nullptr)) == nullptr);
}

TEST_CASE("only types that share their bits are cast") {
  static_assert(castable<fp8_e4m3fn, __hip_fp8_e4m3> && castable<fp8_e4m3fn, __nv_fp8_e4m3>);
  static_assert(castable<fp8_e4m3fnuz, __hip_fp8_e4m3_fnuz> && castable<__hip_fp8_e4m3_fnuz, fp8_e4m3fnuz>);
  static_assert(castable<bf16, hip_bfloat16> && castable<bf16, __hip_bfloat16> && castable<__nv_bfloat16, bf16>);
  static_assert(!castable<fp8_e4m3fnuz, __hip_fp8_e4m3> && !castable<fp8_e4m3fn, __hip_fp8_e4m3_fnuz>);
  static_assert(!castable<fp8_e4m3fnuz, __nv_fp8_e4m3> && !castable<fp8_e4m3fnuz, fp8_e4m3fn>);
  static_assert(!castable<bf16, __half> && !castable<fp16, __nv_bfloat16> && !castable<fp16, bf16>);
  static_assert(!castable<fp16, std::uint16_t> && !castable<__half, __nv_bfloat16>);
}

TEST_CASE("a program's own number type joins by one specialisation and is read in place") {
  const own_brain_float numbers[2] = {{0x3f80}, {0xc000}};
  const bf16* view = pointer_cast<bf16>(numbers);
  CHECK(static_cast<const void*>(view) == static_cast<const void*>(numbers));
  CHECK(static_cast<float>(view[0]) == 1.0f);
  CHECK(static_cast<float>(view[1]) == -2.0f);
}

#if PARAGON_PLATFORM_AMD
TEST_CASE("HIP's types have the bits of ours") {
  shares_bits_with<fp16, __half>();
  shares_bits_with<bf16, __hip_bfloat16>();
  shares_bits_with<bf16, hip_bfloat16>();
  shares_bits_with<fp8_e4m3fn, __hip_fp8_e4m3>();
  shares_bits_with<fp8_e4m3fnuz, __hip_fp8_e4m3_fnuz>();
}
#elif PARAGON_PLATFORM_NVIDIA
TEST_CASE("CUDA's types have the bits of ours") {
  shares_bits_with<fp16, __half>();
  shares_bits_with<bf16, __nv_bfloat16>();
  shares_bits_with<fp8_e4m3fn, __nv_fp8_e4m3>();
}
#endif
