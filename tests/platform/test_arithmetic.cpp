// Device arithmetic against the conversions in types/ and against plain loops.

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include "paragon/platform/platform.hpp"
#include "support/device_buffer.hpp"
#include "support/run_kernel.hpp"

namespace arithmetic_test {

namespace platform = paragon::platform;
using paragon::bf16;
using paragon::fp16;
using paragon::fp8_e4m3fn;
using paragon::fp8_e4m3fnuz;
using paragon_test::device_buffer;
using paragon_test::run_kernel;

/// out[i] = Operation::apply(in[i]) for i < count.
template <class Operation> struct map_kernel {
  struct arguments {
    const typename Operation::input* in;
    typename Operation::output* out;
    int count;
  };
  using target = paragon::target::any;
  static constexpr int max_waves = 4;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte*) {
    using wave = platform::wave_ops<target::wave_size>;
    const int waves = platform::workgroup() * wave::count() + wave::index();
    const int i = waves * target::wave_size + wave::lane();
    if (i < arguments.count) arguments.out[i] = Operation::apply(arguments.in[i]);
  }
};

/// The same for operations on a KV format: compiled only where the target reads it.
template <class Operation> struct kv_map_kernel : map_kernel<Operation> { using kv = typename Operation::kv; };

template <class Operation, class Kernel = map_kernel<Operation>>
std::vector<typename Operation::output> on_device(const std::vector<typename Operation::input>& in) {
  const device_buffer<typename Operation::input> device_in(in);
  device_buffer<typename Operation::output> out(in.size());
  constexpr std::size_t lanes = Kernel::max_waves * Kernel::target::wave_size;
  const int workgroups = static_cast<int>((in.size() + lanes - 1) / lanes);
  run_kernel<Kernel>(workgroups, Kernel::max_waves, 0, {device_in.data(), out.data(), static_cast<int>(in.size())});
  return out.download();
}

/// Floats that are hard to round to a narrow format: all its values' halfway points and their neighbours, and specials.
template <class T> std::vector<float> hard_floats() {
  std::vector<float> values{0.0f,
                            -0.0f,
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN(),
                            -std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::max(),
                            std::numeric_limits<float>::denorm_min()};
  const unsigned codes = 1u << (8 * sizeof(T));
  const unsigned step = sizeof(T) == 1 ? 1 : 37;
  for (unsigned code = 0; code + 1 < codes; code += step) {
    const auto value = static_cast<float>(T::from_bits(static_cast<decltype(T::bits)>(code)));
    const auto next = static_cast<float>(T::from_bits(static_cast<decltype(T::bits)>(code + 1)));
    if (!std::isfinite(value) || !std::isfinite(next)) continue;
    const float half = value + (next - value) * 0.5f;
    for (const float f : {value, half, std::nextafter(half, value), std::nextafter(half, next)}) values.push_back(f);
  }
  for (const float beyond : {1.02f, 1.04f, 1.1f, 2.0f, 1000.0f}) {
    values.push_back(paragon::max_finite<T> * beyond);
    values.push_back(-paragon::max_finite<T> * beyond);
  }
  return values;
}

template <class T> bool is_nan(T value) { return std::isnan(static_cast<float>(value)); }

template <class T> struct convert_operation {
  using input = float;
  using output = T;

  static PARAGON_DEVICE T apply(float value) { return platform::convert<T>(value); }
};

TEST_CASE_TEMPLATE("convert rounds as the storage types do", T, fp16, bf16, fp8_e4m3fn, fp8_e4m3fnuz) {
  const std::vector<float> in = hard_floats<T>();
  const std::vector<T> got = on_device<convert_operation<T>>(in);
  for (std::size_t i = 0; i < in.size(); ++i) {
    CAPTURE(in[i]);
    if (is_nan(in[i])) {
      CHECK(is_nan(got[i]));
    } else {
      REQUIRE(static_cast<int>(got[i].bits) == static_cast<int>(T(in[i]).bits));
    }
  }
}

// What kernels exchange with the test is plain arrays: std::array's operators are host functions to nvcc.
struct two_floats {
  float value[2];
};

template <class T> struct pack_operation {
  using input = two_floats;
  using output = std::uint32_t;

  static PARAGON_DEVICE std::uint32_t apply(const input& pair) {
    return platform::pack<T>(pair.value[0], pair.value[1]);
  }
};

TEST_CASE_TEMPLATE("pack rounds two floats into one word", T, fp16, bf16) {
  const std::vector<float> values = hard_floats<T>();
  std::vector<two_floats> in;
  for (std::size_t i = 0; i < values.size(); ++i) in.push_back({{values[i], values[(i + 1) % values.size()]}});
  const std::vector<std::uint32_t> got = on_device<pack_operation<T>>(in);
  for (std::size_t i = 0; i < in.size(); ++i) {
    for (std::size_t half = 0; half < 2; ++half) {
      CAPTURE(in[i].value[half]);
      const T element = T::from_bits(static_cast<std::uint16_t>(got[i] >> (16 * half)));
      if (is_nan(in[i].value[half])) {
        CHECK(is_nan(element));
      } else {
        REQUIRE(element.bits == T(in[i].value[half]).bits);
      }
    }
  }
}

template <class KV> struct unpack_operation {
  using input = std::uint32_t;
  using output = platform::words<8>;
  using kv = KV;

  static PARAGON_DEVICE output apply(std::uint32_t four) { return platform::unpack_fp8<KV>(four); }
};

template <class KV> bool device_reads() {
  platform::device_info device{};
  REQUIRE(platform::query_device(device).ok());
  const auto native = std::is_same_v<KV, fp8_e4m3fn> ? platform::fp8_hardware::fn : platform::fp8_hardware::fnuz;
  return device.fp8 == platform::fp8_hardware::none || device.fp8 == native;
}

TEST_CASE_TEMPLATE("unpack_fp8 is exact for every code in every position", KV, fp8_e4m3fn, fp8_e4m3fnuz) {
  if (!device_reads<KV>()) return;
  std::vector<std::uint32_t> in;
  for (std::uint32_t code = 0; code < 256; ++code)
    in.push_back(code | ((code + 85) & 255) << 8 | ((code + 170) & 255) << 16 | ((code + 200) & 255) << 24);
  const auto got = on_device<unpack_operation<KV>, kv_map_kernel<unpack_operation<KV>>>(in);
  for (std::size_t i = 0; i < in.size(); ++i) {
    for (unsigned byte = 0; byte < 4; ++byte) {
      const auto expected = static_cast<float>(KV::from_bits(static_cast<std::uint8_t>(in[i] >> (8 * byte))));
      const auto half = fp16::from_bits(static_cast<std::uint16_t>(got[i].w[byte / 2] >> (16 * (byte % 2))));
      CAPTURE(in[i]);
      CAPTURE(byte);
      if (is_nan(expected)) {
        CHECK(is_nan(half));
      } else {
        REQUIRE(std::bit_cast<std::uint32_t>(static_cast<float>(half)) == std::bit_cast<std::uint32_t>(expected));
      }
    }
  }
}

inline constexpr std::uint32_t selectors[] = {0x3210, 0x7654, 0x5140, 0x7362, 0x6420, 0x7531, 0x0123,
                                              0x1032, 0x0000, 0x7777, 0x5410, 0x7632, 0x4567, 0x2516};

inline constexpr std::size_t selector_count = std::size(selectors);

struct permutations {
  std::uint32_t word[selector_count];
};

struct permute_operation {
  using input = platform::words<8>;
  using output = permutations;

  static PARAGON_DEVICE output apply(const input& pair) {
    return apply(pair, std::make_index_sequence<selector_count>());
  }

  template <std::size_t... I> static PARAGON_DEVICE output apply(const input& pair, std::index_sequence<I...>) {
    return {{platform::byte_permute<selectors[I]>(pair.w[0], pair.w[1])...}};
  }
};

TEST_CASE("byte_permute picks bytes as a plain loop does") {
  std::mt19937 random(1);
  std::vector<platform::words<8>> in(100);
  for (auto& pair : in) pair = {{static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random())}};
  const auto got = on_device<permute_operation>(in);
  for (std::size_t i = 0; i < in.size(); ++i) {
    for (std::size_t s = 0; s < selector_count; ++s) {
      std::uint32_t expected = 0;
      for (unsigned byte = 0; byte < 4; ++byte) {
        const unsigned source = selectors[s] >> (4 * byte) & 7;
        expected |= (in[i].w[source / 4] >> (8 * (source % 4)) & 255) << (8 * byte);
      }
      CAPTURE(selectors[s]);
      REQUIRE(got[i].word[s] == expected);
    }
  }
}

struct transcendental_operation {
  using input = float;
  struct output {
    float exp2, log2, reciprocal;
  };

  static PARAGON_DEVICE output apply(float x) {
    return {platform::exp2(x), platform::log2(x), platform::reciprocal(x)};
  }
};

TEST_CASE("exp2, log2 and reciprocal are good to a few units in the last place") {
  std::vector<float> in;
  for (float x = 0x1p-20f; x < 100.0f; x *= 1.37f) in.push_back(x);
  const auto positive = on_device<transcendental_operation>(in);
  for (std::size_t i = 0; i < in.size(); ++i) {
    const double x = in[i];
    CAPTURE(x);
    CHECK(std::abs(positive[i].exp2 / std::exp2(x) - 1) < 0x1p-21);
    CHECK(std::abs(positive[i].log2 - std::log2(x)) < 0x1p-21 * std::max(1.0, std::abs(std::log2(x))));
    CHECK(std::abs(positive[i].reciprocal * x - 1) < 0x1p-21);
  }
  const auto infinity = std::numeric_limits<float>::infinity();
  const auto special = on_device<transcendental_operation>({0.0f, -infinity, -20.5f});
  CHECK(special[0].exp2 == 1.0f);
  CHECK(special[0].log2 == -infinity);
  CHECK(special[1].exp2 == 0.0f);
  CHECK(std::abs(special[2].exp2 / std::exp2(-20.5) - 1) < 0x1p-21);
}

}  // namespace arithmetic_test
