#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <support/decode_case.hpp>
#include <vector>

using namespace paragon_test;

namespace {

constexpr int dim = 64, kv_heads = 2, group = 3, heads = kv_heads * group, page_size = 4, pages = 4, query_rows = 2;

/// Pages and query rows have numbers from here on, 2^16 elements and more apart: offsets beyond 2^32 elements.
constexpr int first = 70000;
constexpr std::int64_t far = 1 << 16;

/// The pointer from which element `begin` of a tensor is the first one of `memory`: as in a cache of which nothing but
/// these elements is used, and which therefore takes no more memory than they do.
template <class T> T* tensor_behind(T* memory, std::int64_t begin) {
  return reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(memory) -
                              static_cast<std::uintptr_t>(begin) * sizeof(T));
}

/// A tensor whose first `first` parts of `stride` elements do not exist, on the device; on the host without them.
template <class T> class far_tensor {
 public:
  far_tensor(int parts, std::int64_t stride) : stride_{stride}, host_(static_cast<std::size_t>(parts * stride)) {}

  std::vector<T>& host() { return host_; }
  const T* near() const { return host_.data(); }
  T* upload() {
    device_ = device_buffer<T>{host_};
    return tensor_behind(device_.data(), first * stride_);
  }
  void fetch() { host_ = device_.download(); }

 private:
  std::int64_t stride_;
  std::vector<T> host_;
  device_buffer<T> device_{0};
};

/// K or V with factors per token: rows of its own strides, NaN between them.
template <class KV> struct far_side {
  page_strides strides;
  page_strides factor_strides{far, 1, page_size};
  far_tensor<KV> stored{pages, strides.page};
  far_tensor<float> factors{pages, far};

  far_side(std::int64_t page_stride, std::mt19937& random) : strides{page_stride, kv_heads * dim, dim} {
    std::ranges::fill(stored.host(), KV{std::numeric_limits<float>::quiet_NaN()});
    std::normal_distribution<float> normal;
    for (int page = 0; page < pages; ++page)
      for (int slot = 0; slot < page_size; ++slot)
        for (int head = 0; head < kv_heads; ++head) {
          factors.host()[index(factor_strides, page, slot, head)] = 0.02f + 0.001f * static_cast<float>(random() % 50);
          for (int d = 0; d < dim; ++d) stored.host()[index(strides, page, slot, head) + d] = KV{8.0f * normal(random)};
        }
  }

 private:
  static std::size_t index(const page_strides& s, int page, int slot, int head) {
    return static_cast<std::size_t>(s.offset(page, slot, head));
  }
};

template <class Config> void check_far_apart() {
  using KV = typename Config::kv;
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  std::mt19937 random{seed};
  far_side<KV> k{far, random}, v{far + 1024, random};
  far_tensor<bf16> query{query_rows, far};
  std::normal_distribution<float> normal;
  for (bf16& x : query.host()) x = bf16{normal(random)};

  const kv_shape shape{pages, page_size, kv_heads, dim}, far_shape{first + pages, page_size, kv_heads, dim};
  const std::vector<std::int32_t> indptr{0, pages}, last{2}, order{2, 0, 3, 1}, rows{0, query_rows};
  const auto moved = [](std::vector<std::int32_t> numbers) {
    for (std::int32_t& n : numbers) n += first;
    return numbers;
  };
  const device_buffer<std::int32_t> far_indptr{indptr}, far_last{last}, far_order{moved(order)}, far_rows{moved(rows)};
  const reference::result expected = reference::attention(
      heads_view<const bf16>{query.near(), query_rows, heads, far, dim},
      paged_kv<KV, nhd, per_token_head>{{k.stored.near(), k.strides},
                                        {v.stored.near(), v.strides},
                                        shape,
                                        per_token_head{k.factors.near(), v.factors.near(), k.factor_strides}},
      {1, indptr.data(), order.data(), last.data()}, {query_rows, rows.data()}, 0.1f);

  const bf16* queries = query.upload();
  const KV *keys = k.stored.upload(), *values = v.stored.upload();
  const float *key_factors = k.factors.upload(), *value_factors = v.factors.upload();
  on_every_device(random, 2, [&] {
    far_tensor<bf16> out{query_rows, far};
    far_tensor<float> lse{query_rows, far};
    const typename decode<Config>::arguments arguments{
        .query = {queries, first + query_rows, heads, far, dim},
        .kv = {{keys, k.strides},
               {values, v.strides},
               far_shape,
               per_token_head{key_factors, value_factors, k.factor_strides}},
        .requests = {1, far_indptr.data(), far_order.data(), far_last.data()},
        .queries = {query_rows, far_rows.data()},
        .out = {out.upload(), first + query_rows, heads, far, dim},
        .lse = lse_natural{lse.upload(), far, 1},
        .softmax_scale = 0.1f};
    std::size_t bytes = 0;
    require_ok(decode<Config>::workspace_size(arguments, bytes));
    device_buffer<std::byte> space{bytes};
    require_ok(decode<Config>::run(arguments, {space.data(), bytes}, platform::stream{}));
    out.fetch();
    lse.fetch();
    for (int token = 0; token < query_rows; ++token)
      for (int head = 0; head < heads; ++head) {
        const std::int64_t row = token * far;
        const auto right = expected.out_row(token, head);
        CHECK(row_error(out.near() + row + head * dim, right, norm(right)) <= allowed<bf16>.rare);
        const auto got = static_cast<double>(lse.near()[row + head]);
        CHECK(std::abs(got - expected.lse[expected.row(token, head)]) <= allowed<bf16>.lse);
      }
  });
}

}  // namespace

TEST_CASE("offsets of pages, factors and query rows beyond 2^32 elements") {
  in_readable_format<decode_config<bf16, fp8_e4m3fn, nhd, dim, per_token_head>>(
      []<class Config>(std::type_identity<Config>) { check_far_apart<Config>(); });
}
