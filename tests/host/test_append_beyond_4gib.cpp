#include <doctest/doctest.h>
#include <sys/mman.h>

#include <paragon/cache/append.hpp>
#include <vector>

using namespace paragon;

/// Memory that only exists where it is touched.
class sparse_memory {
 public:
  explicit sparse_memory(std::size_t bytes)
      : bytes_{bytes},
        data_{mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)} {
    REQUIRE(data_ != MAP_FAILED);
  }
  ~sparse_memory() { munmap(data_, bytes_); }
  sparse_memory(const sparse_memory&) = delete;
  sparse_memory& operator=(const sparse_memory&) = delete;

  template <class T> T* as() { return static_cast<T*>(data_); }

 private:
  std::size_t bytes_;
  void* data_;
};

TEST_CASE("page strides beyond 2^32 elements, and source strides too") {
  constexpr std::int64_t stride = (std::int64_t{1} << 32) + 64;
  constexpr kv_shape shape{.pages = 4, .page_size = 2, .kv_heads = 2, .head_dim = 64};
  sparse_memory k{4 * stride}, v{4 * stride}, factors{4 * stride * sizeof(float)}, source{3 * stride * sizeof(float)};
  page_strides strides = hnd::strides(2, 2, 64), factor_strides = hnd::strides(2, 2, 1);
  strides.page = factor_strides.page = stride;
  const paged_kv_writer<fp8_e4m3fn, hnd, per_token_head> cache{
      paged_target<fp8_e4m3fn>{k.as<fp8_e4m3fn>(), strides}, paged_target<fp8_e4m3fn>{v.as<fp8_e4m3fn>(), strides},
      shape, per_token_head_target{factors.as<float>(), factors.as<float>() + 4, factor_strides}};

  const heads_view<const float> rows{source.as<float>(), 3, 2, stride, 64};
  for (int t = 0; t < 3; ++t)
    for (int h = 0; h < 2; ++h) source.as<float>()[t * stride + h * 64 + 63] = static_cast<float>(10 * t + h + 1);
  const std::vector<std::int64_t> slots{7, 2, 4};  // the last slot of page 3, the first ones of pages 1 and 2
  const status result = append(rows, rows, cache, slot_mapping{slots.data()}, nullptr);
  REQUIRE_MESSAGE(result.ok(), result.message());

  for (int t = 0; t < 3; ++t)
    for (int h = 0; h < 2; ++h) {
      const std::int64_t page = slots[static_cast<std::size_t>(t)] / 2;
      const int slot = static_cast<int>(slots[static_cast<std::size_t>(t)] % 2);
      const float factor = factors.as<float>()[page * stride + h * 2 + slot];
      CHECK(factor == doctest::Approx((10 * t + h + 1) / 448.0));
      for (auto* side : {&k, &v})
        CHECK(side->as<fp8_e4m3fn>()[page * stride + h * 128 + slot * 64 + 63] == fp8_e4m3fn::max());
    }
}
