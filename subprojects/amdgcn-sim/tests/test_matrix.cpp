// Matrix instructions: registers in, registers out, against a plain product by the documented layouts.
#include <functional>
#include <sstream>

#include "harness.hpp"

namespace {
// One element of a matrix operand: lane and index in the lane's registers (in elements).
struct Place {
  int lane, elem;
};

using Layout = std::function<Place(int, int, int)>;

enum Type { TF32, TF16, TBF16, TFP8, TBF8, TI8, TF64 };

int type_bytes(Type t) { return t == TF64 ? 8 : t == TF32 ? 4 : t == TF16 || t == TBF16 ? 2 : 1; }

int result_bytes(Type t) { return t == TI8 ? 4 : type_bytes(t); }

template <class T> double set(unsigned char* p, T value) {
  std::memcpy(p, &value, sizeof value);
  return double(value);
}

template <class T> T get(const unsigned char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// Writes a random element and returns its value.
double put(Type t, unsigned char* p) {
  const float small = float(int(rng() % 64) - 32) / 16;
  const bool fnuz = arch == "gfx942";
  switch (t) {
    case TF64:
      return set(p, double(rnd()));
    case TF32:
      return set(p, small);
    case TF16:
      return set(p, _Float16(small));
    case TBF16:
      set(p, tobf(small));
      return small;
    case TI8:
      return set(p, int8_t(rng()));
    default:
      break;
  }
  for (;;) {
    const unsigned code = unsigned(rng()) & 0xbf;
    const float v = t == TFP8 ? dec8(code, 4, 3, fnuz ? 8 : 7, fnuz) : dec8(code, 5, 2, fnuz ? 16 : 15, fnuz);
    if (!(std::fabs(v) <= 8)) continue;
    *p = uint8_t(code);
    return v;
  }
}

double result(Type t, const unsigned char* p) {
  switch (t) {
    case TF64:
      return get<double>(p);
    case TI8:
      return get<int>(p);
    case TF16:
      return float(get<_Float16>(p));
    default:
      return get<float>(p);
  }
}

// The number of a case of the kernel `matrix`; -1: this processor does not have the instruction.
int case_number(const std::string& name) {
  std::istringstream names(static_cast<const char*>(amdgcn_sim_symbol(mod, "matrix_names", nullptr)));
  int number = 0;
  for (std::string word; names >> word; number++)
    if (word == name) return number;
  return -1;
}

// A matrix as the registers of all lanes hold it, and its values.
struct Operand {
  int bytes, per_lane = 0;
  Vec<unsigned char> registers;
  Vec<double> values;

  Operand(int bytes, int blocks, int rows, int columns, const Layout& layout)
      : bytes(bytes), values(size_t(blocks) * rows * columns) {
    for (int b = 0; b < blocks; b++)
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) per_lane = std::max(per_lane, (layout(b, i, j).elem + 1) * bytes);
    per_lane = (per_lane + 3) & ~3;
    registers.resize(size_t(per_lane) * 64 + 64);
  }

  unsigned char* at(Place p) { return registers.data() + p.lane * per_lane + p.elem * bytes; }

  void repeat_half() { std::memcpy(registers.data() + 16 * per_lane, registers.data(), size_t(16 * per_lane)); }
};

void test_mm(const char* name, int mn, int K, int blocks, Type ta, Type tb, Type tc, int lanes, const Layout& ab,
             const Layout& cd) {
  const int number = case_number(name);
  if (number < 0) return;
  Operand a(type_bytes(ta), blocks, mn, K, ab), b(type_bytes(tb), blocks, mn, K, ab);
  Operand c(result_bytes(tc), blocks, mn, mn, cd), d = c;
  for (int q = 0; q < blocks; q++)
    for (int i = 0; i < mn; i++) {
      for (int k = 0; k < K; k++) {
        a.values[(q * mn + i) * K + k] = put(ta, a.at(ab(q, i, k)));
        b.values[(q * mn + i) * K + k] = put(tb, b.at(ab(q, i, k)));
      }
      for (int j = 0; j < mn; j++) {
        auto* p = c.at(cd(q, i, j));
        c.values[(q * mn + i) * mn + j] = tc == TI8 ? set(p, int(rng() % 1000)) : put(tc, p);
      }
    }
  if (lanes == 32 && arch.substr(0, 5) == "gfx11") {
    a.repeat_half();
    b.repeat_half();
  }
  const bool ok = launch("matrix", {1}, {uint32_t(lanes)},
                         args(number, a.registers.data(), b.registers.data(), c.registers.data(), d.registers.data()));
  double worst = 0, big = 0;
  for (int q = 0; q < blocks; q++)
    for (int i = 0; i < mn; i++)
      for (int j = 0; j < mn; j++) {
        double r = c.values[(q * mn + i) * mn + j];
        for (int k = 0; k < K; k++) r += a.values[(q * mn + i) * K + k] * b.values[(q * mn + j) * K + k];
        worst = std::fmax(worst, std::fabs(result(tc, d.at(cd(q, i, j))) - r));
        big = std::fmax(big, std::fabs(r));
      }
  report(std::string("matrix ") + name, ok && worst <= big * (tc == TF16 ? 1e-3 : 1e-6),
         "error " + std::to_string(worst / big));
}

void mfma() {
  auto A = [](int mn, int blocks, int kl) {
    return [=](int b, int i, int k) { return blocks > 1 ? Place{i + mn * b, k} : Place{i + mn * (k / kl), k % kl}; };
  };
  auto C32 = [](int b, int i, int j) { return Place{j + 32 * ((i / 4) % 2), 16 * b + 4 * (i / 8) + i % 4}; };
  auto C16 = [](int b, int i, int j) { return Place{j + 16 * (i / 4), 4 * b + i % 4}; };
  auto C4 = [](int b, int i, int j) { return Place{j + 4 * b, i}; };
  test_mm("f32_16x16x4_f32", 16, 4, 1, TF32, TF32, TF32, 64, A(16, 1, 1), C16);
  test_mm("f32_32x32x2_f32", 32, 2, 1, TF32, TF32, TF32, 64, A(32, 1, 1), C32);
  test_mm("f32_16x16x16_f16", 16, 16, 1, TF16, TF16, TF32, 64, A(16, 1, 4), C16);
  test_mm("f32_32x32x8_f16", 32, 8, 1, TF16, TF16, TF32, 64, A(32, 1, 4), C32);
  test_mm("f32_16x16x16_bf16", 16, 16, 1, TBF16, TBF16, TF32, 64, A(16, 1, 4), C16);
  test_mm("f32_32x32x8_bf16", 32, 8, 1, TBF16, TBF16, TF32, 64, A(32, 1, 4), C32);
  test_mm("f32_4x4x4_16b_f16", 4, 4, 16, TF16, TF16, TF32, 64, A(4, 16, 4), C4);
  test_mm("f32_16x16x4_4b_f16", 16, 4, 4, TF16, TF16, TF32, 64, A(16, 4, 4), C16);
  test_mm("f32_32x32x4_2b_f16", 32, 4, 2, TF16, TF16, TF32, 64, A(32, 2, 4), C32);
  test_mm("f32_4x4x1_16b_f32", 4, 1, 16, TF32, TF32, TF32, 64, A(4, 16, 1), C4);
  test_mm("f64_16x16x4_f64", 16, 4, 1, TF64, TF64, TF64, 64, A(16, 1, 1), [](int, int i, int j) {
    return Place{j + 16 * (i % 4), i / 4};
  });
  test_mm(
      "f64_4x4x4_4b_f64", 4, 4, 4, TF64, TF64, TF64, 64,
      [](int b, int i, int k) {
        return Place{i + 4 * b + 16 * k, 0};
      },
      [](int b, int i, int j) {
        return Place{j + 4 * b + 16 * i, 0};
      });
  test_mm("i32_16x16x16_i8", 16, 16, 1, TI8, TI8, TI8, 64, A(16, 1, 4), C16);
  test_mm("i32_32x32x8_i8", 32, 8, 1, TI8, TI8, TI8, 64, A(32, 1, 4), C32);
  test_mm("i32_16x16x32_i8", 16, 32, 1, TI8, TI8, TI8, 64, A(16, 1, 8), C16);
  test_mm("i32_32x32x16_i8", 32, 16, 1, TI8, TI8, TI8, 64, A(32, 1, 8), C32);
  test_mm("f32_16x16x32_fp8_fp8", 16, 32, 1, TFP8, TFP8, TF32, 64, A(16, 1, 8), C16);
  test_mm("f32_16x16x32_fp8_bf8", 16, 32, 1, TFP8, TBF8, TF32, 64, A(16, 1, 8), C16);
  test_mm("f32_16x16x32_bf8_fp8", 16, 32, 1, TBF8, TFP8, TF32, 64, A(16, 1, 8), C16);
  test_mm("f32_32x32x16_fp8_fp8", 32, 16, 1, TFP8, TFP8, TF32, 64, A(32, 1, 8), C32);
  test_mm("f32_32x32x16_bf8_bf8", 32, 16, 1, TBF8, TBF8, TF32, 64, A(32, 1, 8), C32);
  test_mm("f32_16x16x8_xf32", 16, 8, 1, TF32, TF32, TF32, 64, A(16, 1, 2), C16);
  test_mm("f32_16x16x32_f16", 16, 32, 1, TF16, TF16, TF32, 64, A(16, 1, 8), C16);
  test_mm("f32_32x32x16_f16", 32, 16, 1, TF16, TF16, TF32, 64, A(32, 1, 8), C32);
  test_mm("f32_16x16x32_bf16", 16, 32, 1, TBF16, TBF16, TF32, 64, A(16, 1, 8), C16);
  test_mm("f32_32x32x16_bf16", 32, 16, 1, TBF16, TBF16, TF32, 64, A(32, 1, 8), C32);
  test_mm("i32_16x16x64_i8", 16, 64, 1, TI8, TI8, TI8, 64, A(16, 1, 16), C16);
  test_mm("f32_16x16x128_fp8", 16, 128, 1, TFP8, TFP8, TF32, 64, A(16, 1, 32), C16);
  test_mm("f32_32x32x64_fp8", 32, 64, 1, TFP8, TFP8, TF32, 64, A(32, 1, 32), C32);
}

void wmma() {
  if (arch.substr(0, 5) == "gfx11") {
    auto a = [](int, int i, int k) { return Place{i, k}; };
    auto c = [](int, int i, int j) { return Place{j + 16 * (i % 2), i / 2}; };
    test_mm("wmma_f32_f16", 16, 16, 1, TF16, TF16, TF32, 32, a, c);
    test_mm("wmma_f32_bf16", 16, 16, 1, TBF16, TBF16, TF32, 32, a, c);
    test_mm("wmma_i32_i8", 16, 16, 1, TI8, TI8, TI8, 32, a, c);
    test_mm("wmma_f16_f16", 16, 16, 1, TF16, TF16, TF16, 32, a, [](int, int i, int j) {
      return Place{j + 16 * (i % 2), 2 * (i / 2)};
    });
  } else {
    auto a = [](int, int i, int k) { return Place{i + 16 * (k / 8), k % 8}; };
    auto c = [](int, int i, int j) { return Place{j + 16 * (i / 8), i % 8}; };
    test_mm("wmma_f32_f16", 16, 16, 1, TF16, TF16, TF32, 32, a, c);
    test_mm("wmma_f32_bf16", 16, 16, 1, TBF16, TBF16, TF32, 32, a, c);
    test_mm("wmma_i32_i8", 16, 16, 1, TI8, TI8, TI8, 32, a, c);
    test_mm("wmma_f32_fp8", 16, 16, 1, TFP8, TFP8, TF32, 32, a, c);
    test_mm("wmma_f16_f16", 16, 16, 1, TF16, TF16, TF16, 32, a, c);
  }
}

void transposing_loads() {  // 16 lanes: rows of 16 elements, lane i receives column i
  if (!has("lds_tr")) return;
  Vec<uint16_t> in(256), o16(256);
  Vec<uint8_t> o8(512);
  for (auto& v : in) v = uint16_t(rng());
  auto* b8 = (const uint8_t*)in.data();
  bool ok = launch("lds_tr", {1}, {64}, args(in.data(), o16.data(), o8.data()));
  for (int l = 0; l < 64; l++) {
    for (int k = 0; k < 4; k++) ok &= o16[4 * l + k] == in[(l / 16) * 64 + k * 16 + l % 16];
    for (int k = 0; k < 8; k++) ok &= o8[8 * l + k] == b8[(l / 16) * 128 + k * 16 + l % 16];
  }
  report("transposing LDS loads", ok);
}
}  // namespace

void test_matrix() {
  mfma();
  wmma();
  transposing_loads();
}
