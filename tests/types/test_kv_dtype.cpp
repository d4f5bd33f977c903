#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "paragon/types/kv_dtype.hpp"

using namespace paragon;

TEST_CASE("the trait names what a kernel reads") {
  static_assert(kv_dtype<fp8_e4m3fn>::tag == "fp8_e4m3" && kv_dtype<fp8_e4m3fnuz>::tag == "fp8_e4m3");
  static_assert(kv_dtype<bf16>::tag == "auto" && kv_dtype<fp16>::tag == "auto");
  static_assert(kv_dtype<fp8_e4m3fn>::value == kv_cache_dtype::fp8_e4m3);
  static_assert(kv_dtype<fp8_e4m3fnuz>::value == kv_cache_dtype::fp8_e4m3);
  static_assert(kv_dtype<bf16>::value == kv_cache_dtype::automatic);
  static_assert(kv_dtype<fp16>::value == kv_cache_dtype::automatic);
}

TEST_CASE("concepts accept the storage types and nothing else") {
  static_assert(kv_element<fp8_e4m3fn> && kv_element<fp8_e4m3fnuz> && kv_element<bf16> && kv_element<fp16>);
  static_assert(fp8_element<fp8_e4m3fn> && fp8_element<fp8_e4m3fnuz> && !fp8_element<bf16> && !fp8_element<fp16>);
  static_assert(half_element<bf16> && half_element<fp16> && !half_element<fp8_e4m3fn> && !half_element<fp8_e4m3fnuz>);
  static_assert(!kv_element<float> && !kv_element<signed char> && !kv_element<unsigned char> && !kv_element<void>);
}

TEST_CASE("the largest finite values") {
  static_assert(max_finite<fp8_e4m3fn> == 448.0f);
  static_assert(max_finite<fp8_e4m3fnuz> == 240.0f);
  static_assert(max_finite<fp16> == 65504.0f);
  static_assert(max_finite<bf16> == 0x1.FEp127f);
}

TEST_CASE("the parse accepts three spellings") {
  kv_cache_dtype parsed = kv_cache_dtype::fp8_e4m3;
  CHECK(parse_kv_cache_dtype("auto", parsed).ok());
  CHECK(parsed == kv_cache_dtype::automatic);
  for (const std::string_view text : {"fp8", "fp8_e4m3"}) {
    parsed = kv_cache_dtype::automatic;
    CHECK(parse_kv_cache_dtype(text, parsed).ok());
    CHECK(parsed == kv_cache_dtype::fp8_e4m3);
  }
  for (const std::string_view tag : {kv_dtype<bf16>::tag, kv_dtype<fp8_e4m3fnuz>::tag}) {
    CHECK(parse_kv_cache_dtype(tag, parsed).ok());
  }
}

TEST_CASE("the parse refuses the rest, quotes it and says what is accepted") {
  const std::initializer_list<std::string_view> refused = {
      "fp8_e5m2", "", "FP8", "fp8 ", " auto", "fp8_e4m3fn", "fp8_e4m3fnuz", "int8", "bfloat16", "fp8_e4m", "100%s%n"};
  for (const std::string_view text : refused) {
    CAPTURE(text);
    for (const kv_cache_dtype before : {kv_cache_dtype::automatic, kv_cache_dtype::fp8_e4m3}) {
      kv_cache_dtype parsed = before;
      const status result = parse_kv_cache_dtype(text, parsed);
      CHECK_FALSE(result.ok());
      CHECK(result.code() == status_code::unsupported_dtype);
      CHECK(parsed == before);
      const std::string_view message = result.message();
      CHECK(message.find("\"" + std::string(text) + "\"") != std::string_view::npos);
      CHECK(message.find("accepted are \"auto\", \"fp8\" and \"fp8_e4m3\"") != std::string_view::npos);
    }
  }
}

TEST_CASE("fp8_e5m2 is refused with its own reason") {
  kv_cache_dtype parsed{};
  const status e5m2 = parse_kv_cache_dtype("fp8_e5m2", parsed);
  const status unknown = parse_kv_cache_dtype("fp8_e9m9", parsed);
  CHECK(std::string_view(e5m2.message()).find("mantissa bit") != std::string_view::npos);
  CHECK(std::string_view(unknown.message()).find("mantissa bit") == std::string_view::npos);
}

TEST_CASE("a view that does not end in zero, and a long text, are quoted to the right length") {
  kv_cache_dtype parsed{};
  const std::string_view inside = std::string_view("int8_and_more").substr(0, 4);
  CHECK(std::string_view(parse_kv_cache_dtype(inside, parsed).message()).find("\"int8\"") != std::string_view::npos);
  CHECK(parse_kv_cache_dtype(std::string_view("fp8_e4m3fn").substr(0, 8), parsed).ok());

  const std::string novel(5000, 'x');
  const status refusal = parse_kv_cache_dtype(novel, parsed);
  const std::string_view message = refusal.message();
  CHECK(message.find("\"" + std::string(64, 'x') + "...\"") != std::string_view::npos);
  CHECK(message.find("accepted are") != std::string_view::npos);
}
