#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <paragon/cache/append.hpp>
#include <random>
#include <support/device_buffer.hpp>
#include <support/devices.hpp>
#include <types/rounding_oracle.hpp>
#include <vector>

/// What `append` must leave in memory, judged in float64 by the tables of the formats.
namespace append_test {

using namespace paragon;
using paragon_test::device_buffer;

template <class T>
inline constexpr rounding::format format_of = std::is_same_v<T, fp16>         ? rounding::binary16
                                              : std::is_same_v<T, bf16>       ? rounding::bfloat16
                                              : std::is_same_v<T, fp8_e4m3fn> ? rounding::e4m3fn
                                                                              : rounding::e4m3fnuz;

/// True if `stored` is `real / factor` rounded to nearest even. The division itself may be off by a float's last place,
/// so where that decides, both neighbours are right. NaN must stay NaN; fp8 never holds anything else unasked.
template <class T> bool is_rounded(T stored, float real, float factor) {
  static const std::vector<double> table = rounding::magnitudes(format_of<T>);
  if (std::isnan(real)) return std::isnan(static_cast<float>(stored));
  const double quotient = static_cast<double>(real) / static_cast<double>(factor);
  for (const double slack : factor == 1.0f ? std::vector{0.0} : std::vector{0.0, -0x1p-23, 0x1p-23})
    if (rounding::nearest_code(format_of<T>, table, quotient * (1.0 + slack)) == stored.bits) return true;
  return false;
}

/// Where a token must be found.
struct place {
  std::int64_t page;
  int slot;
};
using places = std::vector<std::optional<place>>;

/// How a tensor lies in memory: elements between its rows, and before its first one.
struct arrangement {
  int gap = 0;
  int shift = 0;
};

inline constexpr arrangement contiguous{0, 0}, aligned{16, 0}, odd_strides{3, 0}, odd_address{0, 1};

/// The arrangements of new keys, new values, K pages and V pages.
using arrangements = std::array<arrangement, 4>;

inline arrangements random_arrangements(std::mt19937& random) {
  // Half of the time vector accesses serve all tensors.
  const unsigned kinds = random() % 2 == 0 ? 2 : 4;
  arrangements result;
  for (arrangement& a : result) a = std::array{contiguous, aligned, odd_strides, odd_address}[random() % kinds];
  return result;
}

/// Strides with gaps: each is still larger than what lies within it, for up to 16 slots and heads.
inline page_strides widened(page_strides strides, int gap) {
  const bool heads_inside = strides.head < strides.slot;
  (heads_inside ? strides.head : strides.slot) += gap;
  (heads_inside ? strides.slot : strides.head) += 32 * gap;
  strides.page += 1024 * gap;
  return strides;
}

/// Device memory with random bytes in it and guards around it.
template <class T> class guarded_memory {
 public:
  guarded_memory(std::int64_t elements, int shift, std::mt19937& random)
      : guard_{1024 + shift}, before_(static_cast<std::size_t>(elements + 2 * guard_)), device_(before_.size()) {
    for (T& x : before_) {
      const auto bits = static_cast<std::uint32_t>(random());
      std::memcpy(&x, &bits, sizeof(T));
    }
    device_.upload(before_);
  }

  T* data() { return device_.data() + guard_; }

  void fetch() {
    after_ = device_.download();
    seen_.assign(after_.size(), false);
  }

  /// What lies there now. It counts as written from here on.
  T take(std::int64_t offset) {
    const auto i = static_cast<std::size_t>(offset + guard_);
    seen_.at(i) = true;
    return after_.at(i);
  }

  /// Elements that changed and were not taken.
  int stray_writes() const {
    int count = 0;
    for (std::size_t i = 0; i < after_.size(); ++i)
      count += !seen_[i] && std::memcmp(&before_[i], &after_[i], sizeof(T)) != 0;
    return count;
  }

 private:
  std::int64_t guard_;
  std::vector<T> before_, after_;
  std::vector<bool> seen_;
  device_buffer<T> device_;
};

/// New keys or values: normal numbers of very different magnitude, NaN between the rows.
template <class Source> class new_rows {
 public:
  new_rows(int tokens, int heads, int dim, arrangement a, std::mt19937& random)
      : tokens_{tokens},
        heads_{heads},
        shift_{a.shift},
        head_stride_{dim + a.gap},
        token_stride_{heads * head_stride_ + 2 * a.gap} {
    host_.assign(static_cast<std::size_t>(shift_ + tokens * token_stride_),
                 Source{std::numeric_limits<float>::quiet_NaN()});
    std::normal_distribution<float> normal;
    for (int t = 0; t < tokens; ++t)
      for (int h = 0; h < heads; ++h)
        for (int d = 0; d < dim; ++d) set(t, h, d, normal(random) * std::exp2(static_cast<float>(h % 4 - d % 7)));
  }

  void set(int token, int head, int d, float value) { host_.at(index(token, head, d)) = Source{value}; }
  float get(int token, int head, int d) const { return static_cast<float>(host_.at(index(token, head, d))); }

  heads_view<const Source> upload() {
    device_ = device_buffer<Source>{host_};
    return {device_.data() + shift_, tokens_, heads_, token_stride_, head_stride_};
  }

 private:
  std::size_t index(int token, int head, int d) const {
    return static_cast<std::size_t>(shift_ + token * token_stride_ + head * head_stride_ + d);
  }
  int tokens_, heads_, shift_;
  std::int64_t head_stride_, token_stride_;
  std::vector<Source> host_;
  device_buffer<Source> device_{0};
};

/// K or V: pages, the new rows, and the factors in the form that the policy has.
template <class Source, class KV, class Layout, class Descale> class side {
 public:
  side(const kv_shape& shape, int dim, int tokens, arrangement source, arrangement cache, std::mt19937& random)
      : shape_{shape},
        dim_{dim},
        strides{widened(Layout::strides(shape.page_size, shape.kv_heads, dim), cache.gap)},
        factor_strides{widened(Layout::strides(shape.page_size, shape.kv_heads, 1), 1)},
        rows{tokens, shape.kv_heads, dim, source, random},
        pages{extent(strides, dim), cache.shift, random},
        row_factors{Descale::by_token ? extent(factor_strides, 1) : 0, 0, random} {
    for (int h = 0; h < shape.kv_heads; ++h) given.push_back(0.001f * static_cast<float>(1 + random() % 50));
    device_factors_ = device_buffer<float>{given};
  }

  const float* device_factors() const { return device_factors_.data(); }

  /// Token `t` lies at `at` as it must.
  void check_token(int t, const place& at) {
    for (int h = 0; h < shape_.kv_heads; ++h) {
      CAPTURE(t);
      CAPTURE(h);
      const float factor = expected_factor(t, h, at);
      int wrong = 0;
      for (int d = 0; d < dim_; ++d)
        wrong += !is_rounded(pages.take(strides.offset(at.page, at.slot, h) + d), rows.get(t, h, d), factor);
      CHECK(wrong == 0);
    }
  }

 private:
  std::int64_t extent(const page_strides& s, int dim) const {
    return s.offset(shape_.pages - 1, shape_.page_size - 1, shape_.kv_heads - 1) + dim;
  }

  float expected_factor(int t, int h, const place& at) {
    if constexpr (!fp8_element<KV>) return 1.0f;
    if constexpr (!Descale::by_token) return given[std::is_same_v<Descale, per_head> ? static_cast<std::size_t>(h) : 0];
    double amax = 0.0;
    for (int d = 0; d < dim_; ++d)
      if (const double x = std::fabs(static_cast<double>(rows.get(t, h, d))); std::isfinite(x) && x > amax) amax = x;
    const double right = std::fmax(amax / static_cast<double>(max_finite<KV>), 0x1p-126);
    const float written = row_factors.take(factor_strides.offset(at.page, at.slot, h));
    CHECK(std::fabs(static_cast<double>(written) - right) <= 0x1p-23 * right);
    return written;
  }

  kv_shape shape_;
  int dim_;
  device_buffer<float> device_factors_{0};

 public:
  const page_strides strides, factor_strides;
  new_rows<Source> rows;
  guarded_memory<KV> pages;
  guarded_memory<float> row_factors;
  std::vector<float> given;  ///< [kv_heads]; the first one serves the whole layer
};

/// A cache and new tokens for it.
template <class Source, class KV, class Layout, class Descale> class append_case {
 public:
  const kv_shape shape;
  side<Source, KV, Layout, Descale> keys, values;

  append_case(const kv_shape& sizes, int tokens, const arrangements& a, std::mt19937& random)
      : shape{sizes}, keys{sizes, sizes.head_dim, tokens, a[0], a[2], random}, values{sizes,  sizes.value_dim,
                                                                                      tokens, a[1],
                                                                                      a[3],   random} {}

  paged_kv_writer<KV, Layout, Descale> cache() {
    const paged_target<KV> k{keys.pages.data(), keys.strides}, v{values.pages.data(), values.strides};
    if constexpr (!fp8_element<KV>)
      return {k, v, shape};
    else if constexpr (std::is_same_v<Descale, per_tensor>)
      return {k, v, shape, per_tensor{keys.given[0], values.given[0]}};
    else if constexpr (std::is_same_v<Descale, per_token_head>)
      return {k, v, shape,
              per_token_head_target{keys.row_factors.data(), values.row_factors.data(), keys.factor_strides}};
    else
      return {k, v, shape, Descale{keys.device_factors(), values.device_factors()}};
  }

  template <class... Slots> void append(const Slots&... slots) {
    const status result = paragon::append(keys.rows.upload(), values.rows.upload(), cache(), slots..., nullptr);
    REQUIRE_MESSAGE(result.ok(), result.message());
  }

  /// Every token lies where it must, and nothing else was written.
  void check(const places& expected) {
    for (auto* one : {&keys, &values}) {
      one->pages.fetch();
      one->row_factors.fetch();
      for (std::size_t t = 0; t < expected.size(); ++t)
        if (expected[t]) one->check_token(static_cast<int>(t), *expected[t]);
      CHECK(one->pages.stray_writes() == 0);
      CHECK(one->row_factors.stray_writes() == 0);
    }
  }
};

}  // namespace append_test
