#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <paragon/decode/decode.hpp>
#include <random>
#include <string>
#include <support/compare.hpp>
#include <support/devices.hpp>
#include <vector>

using namespace paragon_test;

namespace {

/// Address space of which only the touched pages take memory. What was never written reads as zeros.
template <class T> class sparse_array {
 public:
  explicit sparse_array(std::int64_t count) : bytes_{static_cast<std::size_t>(count) * sizeof(T)} {
    void* mapped = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(mapped != MAP_FAILED);
    data_ = static_cast<T*>(mapped);
  }
  ~sparse_array() { munmap(data_, bytes_); }
  sparse_array(const sparse_array&) = delete;
  sparse_array& operator=(const sparse_array&) = delete;
  T* data() { return data_; }

 private:
  std::size_t bytes_;
  T* data_;
};

constexpr int dim = 64, kv_heads = 2, heads = 6;
constexpr std::int64_t four_gi = std::int64_t{1} << 32;

/// One request over all pages in falling order, its cache at the given strides, decoded on every target.
struct far_apart {
  kv_shape shape;
  page_strides key, value;
  std::vector<std::int32_t> pages;
  int last_page_len = 1;
  std::int64_t query_stride = heads * dim;  ///< between tokens of query, output and LSE

  static std::int64_t extent(const kv_shape& shape, const page_strides& strides) {
    return strides.offset(shape.pages - 1, shape.page_size - 1, shape.kv_heads - 1) + dim;
  }

  void check() const {
    const std::uint32_t seed = fresh_seed();
    CAPTURE(seed);
    std::mt19937 random{seed};
    std::normal_distribution<float> normal;
    sparse_array<fp8_e4m3fn> k{extent(shape, key)}, v{extent(shape, value)};
    for (const int page : pages)
      for (int slot = 0; slot < shape.page_size; ++slot)
        for (int head = 0; head < kv_heads; ++head)
          for (int d = 0; d < dim; ++d) {
            k.data()[key.offset(page, slot, head) + d] = fp8_e4m3fn{8.0f * normal(random)};
            v.data()[value.offset(page, slot, head) + d] = fp8_e4m3fn{8.0f * normal(random)};
          }
    sparse_array<bf16> query{2 * query_stride}, out{2 * query_stride};
    sparse_array<float> lse{2 * query_stride};
    for (int token = 0; token < 2; ++token)
      for (int i = 0; i < heads * dim; ++i) query.data()[token * query_stride + i] = bf16{normal(random)};

    const std::int32_t indptr[] = {0, static_cast<std::int32_t>(pages.size())};
    using config = decode_config<bf16, fp8_e4m3fn, nhd, dim>;
    const decode<config>::arguments arguments{.query = {query.data(), 2, heads, query_stride, dim},
                                              .kv = {{k.data(), key}, {v.data(), value}, shape, per_tensor{0.3f, 0.7f}},
                                              .requests = {1, indptr, pages.data(), &last_page_len},
                                              .queries = {2},
                                              .out = {out.data(), 2, heads, query_stride, dim},
                                              .lse = lse_natural{lse.data(), query_stride, 1},
                                              .softmax_scale = 0.1f};
    const reference::result expected = reference::attention(arguments.query, arguments.kv, arguments.requests,
                                                            arguments.queries, arguments.softmax_scale);
    on_every_device(random, 2, [&] {
      std::size_t bytes = 0;
      REQUIRE(decode<config>::workspace_size(arguments, bytes).ok());
      device_buffer<std::byte> space{bytes};
      const status result = decode<config>::run(arguments, {space.data(), bytes}, platform::stream{});
      REQUIRE_MESSAGE(result.ok(), std::string{result.message()});
      for (int token = 0; token < 2; ++token)
        for (int head = 0; head < heads; ++head) {
          bf16* row = out.data() + token * query_stride + head * dim;
          const auto right = expected.out_row(token, head);
          CHECK(row_error(row, right, norm(right)) <= allowed<bf16>.rare);
          const double got = static_cast<double>(lse.data()[token * query_stride + head]);
          CHECK(std::abs(got - expected.lse[expected.row(token, head)]) <= allowed<bf16>.lse);
          std::fill(row, row + dim, poison<bf16>());
        }
    });
  }
};

}  // namespace

TEST_CASE("page strides beyond 2^32 elements, other ones for V") {
  far_apart{.shape = {3, 16, kv_heads, dim},
            .key = {four_gi + 4096, kv_heads * dim, dim},
            .value = {four_gi + 8192, dim, 16 * dim},
            .pages = {2, 0, 1},
            .last_page_len = 5}
      .check();
}

TEST_CASE("slot strides beyond 2^32 elements") {
  far_apart{.shape = {2, 3, kv_heads, dim},
            .key = {kv_heads * dim, four_gi + 256, dim},
            .value = {kv_heads * dim, four_gi + 1024, dim},
            .pages = {1, 0},
            .last_page_len = 2}
      .check();
}

TEST_CASE("head strides beyond 2^32 elements") {
  far_apart{.shape = {4, 1, kv_heads, dim},
            .key = {dim, dim, four_gi + 256},
            .value = {2 * dim, 2 * dim, four_gi + 1024},
            .pages = {3, 1, 0, 2}}
      .check();
}

TEST_CASE("caches beyond 4 GiB: pages of one token with numbers near 2^27 and 2^31") {
  for (const std::int32_t pages : {(1 << 27) + 5, 2147483647}) {
    const std::int32_t end = pages - 1;
    far_apart{.shape = {pages, 1, kv_heads, dim},
              .key = {kv_heads * dim, kv_heads * dim, dim},
              .value = {kv_heads * dim, kv_heads * dim, dim},
              .pages = {end, 0, end - 1, end / 2, 33554432, 33554431}}
        .check();
  }
}

TEST_CASE("query, output and LSE rows beyond 2^32 elements apart") {
  far_apart{.shape = {4, 4, kv_heads, dim},
            .key = nhd::strides(4, kv_heads, dim),
            .value = hnd::strides(4, kv_heads, dim),
            .pages = {3, 1, 0, 2},
            .last_page_len = 4,
            .query_stride = four_gi + 64}
      .check();
}
