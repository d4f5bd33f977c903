// Every conversion at every place where it could go wrong: all codes of all formats, all boundaries between two codes
// with both their neighbours, and all pairs of fp8 bytes; against the conversions in types/, which run on the host.

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "paragon/platform/platform.hpp"
#include "paragon/types.hpp"
#include "support/device_buffer.hpp"
#include "support/run_kernel.hpp"

namespace conversion_test {

namespace platform = paragon::platform;
using paragon::bf16;
using paragon::fp16;
using paragon::fp8_e4m3fn;
using paragon::fp8_e4m3fnuz;
using paragon_test::device_buffer;
using paragon_test::run_kernel;

/// out[i] = Conversion::apply(in[i]) for i < count, by as many lanes as there are.
template <class Conversion> struct convert_kernel {
  struct arguments {
    const typename Conversion::from* in;
    typename Conversion::to* out;
    int count;
  };
  using target = paragon::target::any;
  static constexpr int max_waves = 4;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte*) {
    using wave = platform::wave_ops<target::wave_size>;
    const int waves = wave::count() * platform::workgroups();
    const int first = platform::workgroup() * wave::count() + wave::index();
    for (int i = first * target::wave_size + wave::lane(); i < arguments.count; i += waves * target::wave_size)
      arguments.out[i] = Conversion::apply(arguments.in[i]);
  }
};

template <class Conversion>
std::vector<typename Conversion::to> on_device(const std::vector<typename Conversion::from>& in) {
  const device_buffer<typename Conversion::from> device_in(in);
  device_buffer<typename Conversion::to> out(in.size());
  run_kernel<convert_kernel<Conversion>>(32, 4, 0, {device_in.data(), out.data(), static_cast<int>(in.size())});
  return out.download();
}

/// The floats at which T's rounding changes: its values, the middles between them (the ties), the middle between the
/// largest value and what would follow it, and the neighbours of all of these; of both signs.
template <class T> std::vector<float> boundaries() {
  constexpr auto infinity = std::numeric_limits<float>::infinity();
  std::vector<float> values;
  const auto add = [&values](double value) {
    const auto exact = static_cast<float>(value);
    for (const float f : {exact, std::nextafter(exact, 0.0f), std::nextafter(exact, infinity)}) {
      values.push_back(f);
      values.push_back(-f);
    }
  };
  const int largest = T::max().bits;
  double previous = 0, step = 0;
  for (int code = 0; code <= largest; ++code) {
    const double value = static_cast<float>(T::from_bits(static_cast<decltype(T::bits)>(code)));
    step = value - previous;
    if (code != 0) add(previous + step / 2);
    add(value);
    previous = value;
  }
  add(previous + step / 2);
  return values;
}

/// Floats of all magnitudes, infinities, and NaNs of both kinds and signs.
std::vector<float> any_floats() {
  std::vector<float> values;
  std::mt19937 random(2);
  for (int i = 0; i < 20000; ++i)
    values.push_back(paragon::detail::bit_cast<float>(static_cast<std::uint32_t>(random())));
  for (const std::uint32_t bits : {0x7f800000u, 0x7f800001u, 0x7fbfffffu, 0x7fc00000u, 0x7fffffffu, 0x00000001u}) {
    values.push_back(paragon::detail::bit_cast<float>(bits));
    values.push_back(paragon::detail::bit_cast<float>(bits | 0x80000000u));
  }
  return values;
}

template <class T> std::vector<float> hard_floats() {
  std::vector<float> values = boundaries<T>();
  const std::vector<float> others = any_floats();
  values.insert(values.end(), others.begin(), others.end());
  return values;
}

/// NaN, whatever its payload, or the same bits.
template <class T> bool matches(T got, T expected) {
  const bool is_nan = std::isnan(static_cast<float>(expected));
  return is_nan ? std::isnan(static_cast<float>(got)) : got.bits == expected.bits;
}

template <class T> struct rounding {
  using from = float;
  using to = T;

  static PARAGON_DEVICE T apply(float value) { return platform::convert<T>(value); }
};

TEST_CASE_TEMPLATE("convert rounds right on both sides of every boundary", T, fp16, bf16, fp8_e4m3fn, fp8_e4m3fnuz) {
  const std::vector<float> in = hard_floats<T>();
  const std::vector<T> got = on_device<rounding<T>>(in);
  int wrong = 0;
  for (std::size_t i = 0; i < in.size() && wrong < 10; ++i) {
    if (matches(got[i], T(in[i]))) continue;
    ++wrong;
    CAPTURE(in[i]);
    CHECK(static_cast<int>(got[i].bits) == static_cast<int>(T(in[i]).bits));
  }
  CHECK(wrong == 0);
}

/// Packs x with a value that differs from it in every bit, so that halves that leak into each other show.
template <class T> struct packing {
  using from = float;
  using to = std::uint32_t;

  static PARAGON_HD float partner(float x) {
    return paragon::detail::bit_cast<float>(~paragon::detail::bit_cast<std::uint32_t>(x));
  }
  static PARAGON_DEVICE std::uint32_t apply(float x) { return platform::pack<T>(x, partner(x)); }
};

TEST_CASE_TEMPLATE("pack rounds right on both sides of every boundary", T, fp16, bf16) {
  const std::vector<float> in = hard_floats<T>();
  const std::vector<std::uint32_t> got = on_device<packing<T>>(in);
  int wrong = 0;
  for (std::size_t i = 0; i < in.size() && wrong < 10; ++i) {
    const T expected[2] = {T(in[i]), T(packing<T>::partner(in[i]))};
    for (int half = 0; half < 2; ++half) {
      const T packed = T::from_bits(static_cast<std::uint16_t>(got[i] >> (16 * half)));
      if (matches(packed, expected[half])) continue;
      ++wrong;
      CAPTURE(in[i]);
      CAPTURE(half);
      CHECK(static_cast<int>(packed.bits) == static_cast<int>(expected[half].bits));
    }
  }
  CHECK(wrong == 0);
}

template <class T> struct half_widening {
  using from = std::uint32_t;
  using to = platform::words<8>;

  static PARAGON_DEVICE to apply(std::uint32_t two) { return platform::widen<T>(two); }
};

TEST_CASE_TEMPLATE("widen is exact for every code in both positions", T, fp16, bf16) {
  std::vector<std::uint32_t> in;
  for (std::uint32_t code = 0; code < 0x10000; ++code) in.push_back(code | (~code << 16));
  const std::vector<platform::words<8>> got = on_device<half_widening<T>>(in);
  int wrong = 0;
  for (std::size_t i = 0; i < in.size() && wrong < 10; ++i) {
    for (unsigned half = 0; half < 2; ++half) {
      const auto expected = static_cast<float>(T::from_bits(static_cast<std::uint16_t>(in[i] >> (16 * half))));
      const auto widened = paragon::detail::bit_cast<float>(got[i].w[half]);
      if (std::isnan(expected) ? std::isnan(widened) : widened == expected) continue;
      ++wrong;
      CAPTURE(in[i]);
      CHECK(widened == expected);
    }
  }
  CHECK(wrong == 0);
}

// Without a `kv` member, so that the conversion of a foreign format, which is always in software, is tested too.
template <class KV> struct widening {
  using from = std::uint32_t;
  using to = platform::words<8>;

  static PARAGON_DEVICE to apply(std::uint32_t four) { return platform::unpack_fp8<KV>(four); }
};

TEST_CASE_TEMPLATE("unpack_fp8 is exact for every pair of bytes", KV, fp8_e4m3fn, fp8_e4m3fnuz) {
  std::vector<std::uint32_t> in;
  for (std::uint32_t pair = 0; pair < 0x10000; ++pair) in.push_back(pair | (~pair << 16));
  const std::vector<platform::words<8>> got = on_device<widening<KV>>(in);
  int wrong = 0;
  for (std::size_t i = 0; i < in.size() && wrong < 10; ++i) {
    for (unsigned byte = 0; byte < 4; ++byte) {
      const auto code = static_cast<std::uint8_t>(in[i] >> (8 * byte));
      const fp16 expected(static_cast<float>(KV::from_bits(code)));
      const auto half = fp16::from_bits(static_cast<std::uint16_t>(got[i].w[byte / 2] >> (16 * (byte % 2))));
      if (matches(half, expected)) continue;
      ++wrong;
      CAPTURE(byte);
      CAPTURE(static_cast<int>(code));
      CHECK(static_cast<int>(half.bits) == static_cast<int>(expected.bits));
    }
  }
  CHECK(wrong == 0);
}

}  // namespace conversion_test
