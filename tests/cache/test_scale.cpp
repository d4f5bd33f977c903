#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <paragon/cache/scale.hpp>
#include <random>
#include <string>
#include <support/device_buffer.hpp>
#include <support/devices.hpp>
#include <vector>

using namespace paragon;
using paragon_test::device_buffer;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// Rows of normal numbers; between them, and here and there in them, what must not count.
template <class Source> struct tensor {
  int tokens, heads, dim;
  std::int64_t head_stride, token_stride;
  std::vector<Source> host;
  device_buffer<Source> device{0};

  tensor(int t, int h, int d, int gap, std::mt19937& random)
      : tokens{t}, heads{h}, dim{d}, head_stride{d + gap}, token_stride{h * head_stride + 2 * gap} {
    host.assign(static_cast<std::size_t>(t * token_stride), Source{1e30f});
    std::normal_distribution<float> normal;
    for (int token = 0; token < t; ++token)
      for (int head = 0; head < h; ++head)
        for (int i = 0; i < d; ++i) {
          const float x = normal(random) * std::exp2(static_cast<float>(head));
          const auto odd = random() % 50;
          at(token, head, i) = Source{odd == 0   ? infinity
                                      : odd == 1 ? -infinity
                                      : odd == 2 ? std::numeric_limits<float>::quiet_NaN()
                                                 : x};
        }
    device = device_buffer<Source>{host};
  }

  Source& at(int token, int head, int d) {
    return host[static_cast<std::size_t>(token * token_stride + head * head_stride + d)];
  }

  heads_view<const Source> view() const { return {device.data(), tokens, heads, token_stride, head_stride}; }

  /// Raises the absolute maxima of the heads, or of all in amax[0].
  void raise(std::vector<double>& amax) {
    for (int t = 0; t < tokens; ++t)
      for (int h = 0; h < heads; ++h)
        for (int d = 0; d < dim; ++d) {
          const double x = std::fabs(static_cast<double>(static_cast<float>(at(t, h, d))));
          double& largest = amax[amax.size() == 1 ? 0 : static_cast<std::size_t>(h)];
          if (std::isfinite(x) && x > largest) largest = x;
        }
  }
};

void require(const status& result) { REQUIRE_MESSAGE(result.ok(), result.message()); }

void check_equal(const device_buffer<float>& measured, const std::vector<double>& expected) {
  const std::vector<float> values = measured.download();
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(static_cast<double>(values[i]) == expected[i]);
  for (std::size_t i = expected.size(); i < values.size(); ++i)
    CHECK(std::isnan(values[i]));  // not there to be written
}

}  // namespace

TEST_CASE_TEMPLATE("maxima over batches, for the layer and for each head", Source, float, bf16, fp16) {
  const auto seed = paragon_test::fresh_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  struct sizes {
    int heads, head_dim, value_dim, key_gap, value_gap;
  };
  for (const auto& [heads, head_dim, value_dim, key_gap, value_gap] :
       {sizes{1, 128, 128, 0, 0}, sizes{5, 64, 40, 8, 8}, sizes{3, 80, 512, 3, 0}, sizes{2, 16, 64, 0, 3},
        sizes{8, 7, 1, 0, 0}, sizes{2, 12, 16, 4, 0}, sizes{2, 16, 12, 0, 4}}) {
    for (const int count : {1, heads}) {
      CAPTURE(heads);
      CAPTURE(head_dim);
      CAPTURE(count);
      device_buffer<float> keys(static_cast<std::size_t>(count) + 4), values(static_cast<std::size_t>(count) + 4);
      const kv_amax amax{keys.data(), values.data(), count};
      require(reset_amax(amax, nullptr));
      std::vector<double> largest_key(static_cast<std::size_t>(count)), largest_value = largest_key;
      for (const int tokens : {0, 1, 37, 300}) {
        tensor<Source> k{tokens, heads, head_dim, key_gap, random}, v{tokens, heads, value_dim, value_gap, random};
        require(measure_amax(k.view(), head_dim, v.view(), value_dim, amax, nullptr));
        k.raise(largest_key);
        v.raise(largest_value);
        check_equal(keys, largest_key);
        check_equal(values, largest_value);
      }
    }
  }
}

TEST_CASE("no token is overlooked") {
  // In head h the largest number is in token h; rows this long are spread over several workgroups.
  std::mt19937 random(1);
  constexpr int tokens = 80, dim = 264;
  tensor<fp16> rows{tokens, tokens, dim, 0, random};
  for (int h = 0; h < tokens; ++h) {
    for (int t = 0; t < tokens; ++t)
      for (int d = 0; d < dim; ++d) rows.at(t, h, d) = fp16{t == h && d == h * 37 % dim ? -100.0f : 1.0f};
  }
  rows.device.upload(rows.host);
  device_buffer<float> keys(tokens), values(tokens);
  const kv_amax amax{keys.data(), values.data(), tokens};
  require(reset_amax(amax, nullptr));
  require(measure_amax(rows.view(), dim, rows.view(), dim, amax, nullptr));
  check_equal(keys, std::vector(tokens, 100.0));
  check_equal(values, std::vector(tokens, 100.0));
}

TEST_CASE_TEMPLATE("descales let the largest number be the largest that is stored", KV, fp8_e4m3fn, fp8_e4m3fnuz) {
  const float top = max_finite<KV>;
  device_buffer<float> keys{std::vector<float>{top, 1.0f, 0.0f, 1e-44f}};
  device_buffer<float> values{std::vector<float>{0.5f * top, std::numeric_limits<float>::max(), 3.0f, 2.0f * top}};
  device_buffer<float> k_descales(6), v_descales(6);
  require(descales_from_amax<KV>({keys.data(), values.data(), 4}, {k_descales.data(), v_descales.data()}, nullptr));
  const auto key = k_descales.download(), value = v_descales.download();
  CHECK(key[0] == 1.0f);
  CHECK(key[1] == doctest::Approx(1.0 / static_cast<double>(top)));
  CHECK(key[2] == 1.0f);  // nothing but zeros seen
  CHECK(key[3] == min_descale);
  CHECK(value[0] == 0.5f);
  CHECK(value[1] == doctest::Approx(static_cast<double>(std::numeric_limits<float>::max()) / static_cast<double>(top)));
  CHECK(value[3] == 2.0f);
  for (const auto& row : {key, value}) CHECK((std::isnan(row[4]) && std::isnan(row[5])));
  CHECK(keys.download() == std::vector<float>{top, 1.0f, 0.0f, 1e-44f});  // ready for more batches
}

TEST_CASE("a later reset forgets") {
  std::mt19937 random(1);
  device_buffer<float> keys(2), values(2);
  const kv_amax amax{keys.data(), values.data(), 2};
  tensor<float> batch{9, 2, 16, 0, random};
  require(reset_amax(amax, nullptr));
  require(measure_amax(batch.view(), 16, batch.view(), 16, amax, nullptr));
  CHECK(keys.download()[1] > 0.0f);
  require(reset_amax(amax, nullptr));
  check_equal(keys, {0.0, 0.0});
  check_equal(values, {0.0, 0.0});
}

TEST_CASE("refusals name what is wrong") {
  std::mt19937 random(1);
  device_buffer<float> maxima(2);
  const kv_amax amax{maxima.data(), maxima.data(), 2};
  tensor<bf16> batch{3, 2, 16, 0, random}, other{4, 2, 16, 0, random};
  const auto refused = [](status_code code, const std::string& words, const status& result) {
    CHECK(result.code() == code);
    CHECK_MESSAGE(std::string(result.message()).find(words) != std::string::npos, result.message());
  };
  refused(status_code::null_pointer, "maxima of K", reset_amax({nullptr, maxima.data(), 2}, nullptr));
  refused(status_code::null_pointer, "maxima of V", reset_amax({maxima.data(), nullptr, 2}, nullptr));
  refused(status_code::bad_shape, "0 absolute maxima", reset_amax({maxima.data(), maxima.data(), 0}, nullptr));
  refused(status_code::bad_shape, "2 KV heads",
          measure_amax(batch.view(), 16, batch.view(), 16, {maxima.data(), maxima.data(), 3}, nullptr));
  refused(status_code::bad_shape, "4 and 2", measure_amax(batch.view(), 16, other.view(), 16, amax, nullptr));
  refused(status_code::bad_shape, "head dim of 0", measure_amax(batch.view(), 16, batch.view(), 0, amax, nullptr));
  refused(status_code::bad_stride, "keys", measure_amax(batch.view(), 17, batch.view(), 16, amax, nullptr));
  auto none = batch.view();
  none.data = nullptr;
  refused(status_code::null_pointer, "values", measure_amax(batch.view(), 16, none, 16, amax, nullptr));
  refused(status_code::null_pointer, "descales of V",
          descales_from_amax<fp8_e4m3fn>(amax, {maxima.data(), nullptr}, nullptr));
}
