/// figures KV PAGE_SIZE GROUP_SIZE TOKENS
///
/// Decodes a request of TOKENS tokens per workgroup, so that nothing is shared and joined, with one KV head of dim 128,
/// KV being fp8 (the format that the device multiplies, or OCP; bf16 queries), bf16 or fp16, and prints as JSON what
/// figures.py relates instruction counts to. All keys are equal, so that the running maximum grows in the first tile
/// only: no tile does another's work.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <paragon/paragon.hpp>
#include <random>
#include <stdexcept>

#include "support/device_buffer.hpp"
#include "support/page_table.hpp"

using namespace paragon;
using paragon_test::device_buffer;

namespace {

constexpr int head_dim = 128;

struct sizes {
  int page_size;
  int group;
  int tokens;
};

void require(const status& s) {
  if (!s.ok()) throw std::runtime_error(s.message());
}

template <class Kernel>
void print_launch(const paragon::detail::decode_geometry& g, int tokens, std::size_t element_bytes) {
  using shape = typename Kernel::shape;
  const std::size_t row_bytes = head_dim * element_bytes;
  // What a wave has asked for while it multiplies: this tile's values or the next one's keys; or, where keys are
  // streamed, this tile's values and two blocks of its keys.
  const std::size_t half = row_bytes * shape::wave_tokens;
  const std::size_t ahead = shape::path == tile_path::rolling ? half : half + 2 * 16 * shape::key_block * element_bytes;
  std::printf(
      "{\"workgroups\": %d, \"workgroup_waves\": %d, \"shared_bytes\": %zu, \"wave_tiles\": %d, "
      "\"tile_tokens\": %d, \"kv_bytes\": %zu, \"bytes_ahead\": %zu}\n",
      g.workgroups, g.grid.waves(), g.shared_bytes,
      g.workgroups * tokens / shape::wave_tokens * g.grid.column * g.grid.slice, g.batch.tile_tokens(),
      static_cast<std::size_t>(g.workgroups) * tokens * 2 * row_bytes, ahead);
}

template <class KV> auto cache(const KV* keys, const KV* values, const kv_shape& shape) {
  if constexpr (fp8_element<KV>)
    return paged_kv<KV, nhd, per_tensor>{keys, values, shape, per_tensor{0.5f, 0.5f}};
  else
    return paged_kv<KV, nhd>{keys, values, shape};
}

template <class Query, class KV> void run(const sizes& s) {
  using decode_type = decode<decode_config<Query, KV, nhd, head_dim>>;
  constexpr int most_requests = 32;
  std::mt19937 random{1};
  const auto table = paragon_test::make_page_table(std::vector<int>(most_requests, s.tokens), s.page_size, random);
  const float value = fp8_element<KV> ? 2.0f : 1.0f;  // times the descale: 1
  const auto elements = static_cast<std::size_t>(table.pages * s.page_size) * head_dim;
  const auto query_elements = static_cast<std::size_t>(most_requests) * s.group * head_dim;

  const device_buffer<std::int32_t> indices(table.indices), indptr(table.indptr), last_page_len(table.last_page_len);
  const device_buffer<KV> keys(std::vector<KV>(elements, KV{0.25f})), values(std::vector<KV>(elements, KV{value}));
  const device_buffer<Query> query(std::vector<Query>(query_elements, Query{0.5f}));
  device_buffer<Query> out(query_elements);

  const auto of_requests = [&](int requests) -> typename decode_type::arguments {
    return {
        .query = contiguous_heads(query.data(), requests, s.group, head_dim),
        .kv = cache(keys.data(), values.data(), kv_shape{static_cast<int>(table.pages), s.page_size, 1, head_dim}),
        .requests = {requests, indptr.data(), indices.data(), last_page_len.data()},
        .out = contiguous_heads(out.data(), requests, s.group, head_dim),
        .softmax_scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
    };
  };
  int workgroups = 0;
  require(paragon::detail::with_kernel(of_requests(1), [&]<class Kernel>(const paragon::detail::decode_geometry& g) {
    workgroups = g.workgroups;
    print_launch<Kernel>(g, s.tokens, sizeof(KV));
    return status::success();
  }));
  if (workgroups > most_requests) throw std::runtime_error("more workgroups than there are requests for");

  const auto arguments = of_requests(workgroups);
  std::size_t bytes = 0;
  require(decode_type::workspace_size(arguments, bytes));
  device_buffer<std::byte> memory(bytes);
  require(decode_type::run(arguments, {memory.data(), bytes}, {}));

  const std::vector<Query> results = out.download();
  for (std::size_t i = 0; i < query_elements / most_requests * workgroups; ++i)
    if (!(std::abs(static_cast<float>(results[i]) - 1.0f) < 0.01f))
      throw std::runtime_error("a wrong result: nothing to measure");
}

void run_named(const char* kv, const sizes& s) {
  if (std::strcmp(kv, "bf16") == 0) return run<bf16, bf16>(s);
  if (std::strcmp(kv, "fp16") == 0) return run<fp16, fp16>(s);
  if (std::strcmp(kv, "fp8") != 0) throw std::runtime_error("KV must be fp8, bf16 or fp16");
  platform::device_info device;
  require(platform::query_device(device));
  if (device.fp8 == platform::fp8_hardware::fnuz) return run<bf16, fp8_e4m3fnuz>(s);
  run<bf16, fp8_e4m3fn>(s);
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 5) throw std::runtime_error("figures KV PAGE_SIZE GROUP_SIZE TOKENS");
  const sizes s{std::atoi(arguments[2]), std::atoi(arguments[3]), std::atoi(arguments[4])};
  if (s.page_size < 1 || s.group < 1 || s.tokens < 1 || s.tokens % s.page_size != 0)
    throw std::runtime_error("sizes must be positive, TOKENS a multiple of PAGE_SIZE");
  run_named(arguments[1], s);
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
