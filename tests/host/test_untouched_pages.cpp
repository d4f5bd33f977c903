#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <paragon/decode/decode.hpp>
#include <random>
#include <support/compare.hpp>
#include <support/devices.hpp>
#include <vector>

using namespace paragon_test;

namespace {

constexpr int dim = 128, page_size = 16, kv_heads = 2;
constexpr int page_bytes = page_size * kv_heads * dim;  // 4096: pages of the cache are pages of the machine

/// A cache whose pages end the process when they are read, until they are opened.
class locked_cache {
 public:
  explicit locked_cache(int pages) : bytes_{static_cast<std::size_t>(pages) * page_bytes} {
    void* mapped = mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(mapped != MAP_FAILED);
    data_ = static_cast<fp8_e4m3fn*>(mapped);
  }
  ~locked_cache() { munmap(data_, bytes_); }
  locked_cache(const locked_cache&) = delete;
  locked_cache& operator=(const locked_cache&) = delete;

  fp8_e4m3fn* data() { return data_; }
  void open(int page, std::mt19937& random) {
    fp8_e4m3fn* first = data_ + page * page_bytes;
    REQUIRE(mprotect(first, page_bytes, PROT_READ | PROT_WRITE) == 0);
    std::normal_distribution<float> normal;
    for (int i = 0; i < page_bytes; ++i) first[i] = fp8_e4m3fn{8.0f * normal(random)};
  }

 private:
  std::size_t bytes_;
  fp8_e4m3fn* data_;
};

/// Decodes requests of these lengths in a cache of which only the pages that a query token sees can be read.
template <class Variant> void check(const std::vector<int>& lengths, int query_tokens, int window, Variant with) {
  REQUIRE(sysconf(_SC_PAGESIZE) == page_bytes);
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  std::mt19937 random{seed};
  std::vector<std::int32_t> indptr{0}, indices, last;
  for (const int length : lengths) {
    for (int p = 0; p < (length + page_size - 1) / page_size; ++p) indices.push_back(static_cast<int>(indices.size()));
    indptr.push_back(static_cast<int>(indices.size()));
    last.push_back(length == 0 ? 0 : (length - 1) % page_size + 1);
  }
  const int pages = indptr.back() + 2;  // the last two belong to nobody
  locked_cache k{pages}, v{pages};
  for (std::size_t r = 0; r < lengths.size(); ++r) {
    const int first = window == 0 ? 0 : std::max(0, lengths[r] - query_tokens - window + 1);
    for (int p = indptr[r] + first / page_size; p < indptr[r + 1]; ++p) k.open(p, random), v.open(p, random);
  }

  using config = decode_config<bf16, fp8_e4m3fn, nhd, dim, per_tensor, Variant>;
  const int tokens = static_cast<int>(lengths.size()) * query_tokens, heads = 3 * kv_heads;
  std::vector<bf16> query(static_cast<std::size_t>(tokens * heads * dim));
  std::normal_distribution<float> normal;
  for (bf16& x : query) x = bf16{normal(random)};
  guarded_output<bf16> out{tokens, heads, dim, false};
  const device_buffer<bf16> aligned_query{query};
  const kv_shape shape{pages, page_size, kv_heads, dim};
  const typename decode<config>::arguments arguments{
      .query = contiguous_heads(aligned_query.data(), tokens, heads, dim),
      .kv = {k.data(), v.data(), shape, per_tensor{0.3f, 0.7f}},
      .requests = {static_cast<int>(lengths.size()), indptr.data(), indices.data(), last.data()},
      .queries = {query_tokens},
      .out = out.device(),
      .softmax_scale = 0.1f,
      .variant = with};
  on_every_device(random, 3, [&] {
    std::size_t bytes = 0;
    REQUIRE(decode<config>::workspace_size(arguments, bytes).ok());
    device_buffer<std::byte> space{bytes};
    out.poison_again();
    REQUIRE(decode<config>::run(arguments, {space.data(), bytes}, platform::stream{}).ok());
    out.fetch();
    CHECK(out.written_outside([](int) { return true; }) == 0);
    CHECK(!is_poison(out.row(tokens - 1, heads - 1)[dim - 1]));
  });
}

}  // namespace

TEST_CASE("pages that no request owns are not read") {
  check({1, 0, 16, 17, 100}, 1, 0, variant<>{});
  check({40, 3}, 8, 0, variant<>{});
}

TEST_CASE("pages outside of the window are not read") {
  for (const int window : {1, 15, 16, 17, 40})
    for (const int query_tokens : {1, 4})
      check({200, 16, 33, 160, 161}, query_tokens, window, variant<sliding_window>{{window}});
}
