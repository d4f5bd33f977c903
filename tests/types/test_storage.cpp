#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "paragon/types.hpp"

using paragon::bf16;
using paragon::fp16;
using paragon::fp8_e4m3fn;
using paragon::fp8_e4m3fnuz;

namespace {

template <class T, class Bits> void is_plain_storage() {
  static_assert(std::is_trivial_v<T> && std::is_standard_layout_v<T>);
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_default_constructible_v<T>);
  static_assert(sizeof(T) == sizeof(Bits) && alignof(T) == alignof(Bits));
  static_assert(std::is_same_v<decltype(T::bits), Bits>);
  static_assert(T{}.bits == 0, "value-initialised storage is zero");
}

template <class From, class To> void converts_only_when_asked() {
  static_assert(!std::is_convertible_v<float, From> && std::is_constructible_v<From, float>);
  static_assert(!std::is_convertible_v<From, float> && std::is_constructible_v<float, From>);
  static_assert(!std::is_constructible_v<To, From> && !std::is_assignable_v<To&, From>);
}

}  // namespace

TEST_CASE("storage types are plain data of their width") {
  is_plain_storage<fp16, std::uint16_t>();
  is_plain_storage<bf16, std::uint16_t>();
  is_plain_storage<fp8_e4m3fn, std::uint8_t>();
  is_plain_storage<fp8_e4m3fnuz, std::uint8_t>();

  const std::vector<fp16> numbers{fp16(1.0f), fp16(-2.0f)};
  std::uint16_t words[2];
  std::memcpy(words, numbers.data(), sizeof(words));
  CHECK(words[0] == 0x3c00);
  CHECK(words[1] == 0xc000);
}

TEST_CASE("nothing converts silently, and between formats only by way of float") {
  converts_only_when_asked<fp8_e4m3fn, fp8_e4m3fnuz>();
  converts_only_when_asked<fp8_e4m3fnuz, fp8_e4m3fn>();
  converts_only_when_asked<bf16, fp16>();
  converts_only_when_asked<fp16, bf16>();
  CHECK(fp8_e4m3fnuz(static_cast<float>(fp8_e4m3fn(1.5f))).bits == 0x44);
}

TEST_CASE("equality compares bits") {
  CHECK(fp16::from_bits(0x7e00) == fp16::from_bits(0x7e00));
  CHECK(fp16(0.0f) != fp16(-0.0f));
  CHECK(fp8_e4m3fnuz(0.0f) == fp8_e4m3fnuz(-0.0f));
}
