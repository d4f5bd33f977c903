/// Decode attention for two requests over a paged bf16 KV cache.
#include <cmath>
#include <cstdio>
#include <paragon/paragon.hpp>

#include "support/device_vector.hpp"

using namespace paragon;
using examples::device_vector;

// With an fp8 cache: decode_config<bf16, fp8_e4m3fn, nhd, 128>, and .kv ends in per_tensor{k_descale, v_descale}.
using decode_bf16 = decode<decode_config<bf16, bf16, nhd, 128>>;

int main() {
  constexpr int requests = 2, heads = 8, kv_heads = 2, dim = 128, pages = 4, page_size = 16;
  std::vector<bf16> token_values;  // each value is its token's slot in the page
  for (int i = 0; i < pages * page_size * kv_heads * dim; ++i)
    token_values.emplace_back(static_cast<float>(i / (kv_heads * dim) % page_size));
  const device_vector<bf16> query(std::vector(requests * heads * dim, bf16(0.5f)));
  const device_vector<bf16> keys(std::vector(token_values.size(), bf16(0.25f))), values(token_values);
  const device_vector<std::int32_t> kv_indptr({0, 1, 4}), kv_indices({2, 0, 3, 1}), kv_last_page_len({5, 16});
  device_vector<bf16> out(requests * heads * dim);

  const decode_bf16::arguments arguments{
      .query = contiguous_heads(query.data(), requests, heads, dim),
      .kv = {keys.data(), values.data(), kv_shape{pages, page_size, kv_heads, dim}},
      .requests = {requests, kv_indptr.data(), kv_indices.data(), kv_last_page_len.data()},
      .out = contiguous_heads(out.data(), requests, heads, dim),
      .softmax_scale = 1.0f / std::sqrt(static_cast<float>(dim)),
  };
  std::size_t bytes = 0;
  status s = decode_bf16::workspace_size(arguments, bytes);
  device_vector<std::byte> memory(bytes);
  if (s) s = decode_bf16::run(arguments, {memory.data(), bytes}, {});
  if (!s) {
    std::fprintf(stderr, "%s\n", s.message());
    return 1;
  }

  // All keys are equal, so that an output is the mean over its request's tokens: of slots 0 to 4, and of 0 to 15.
  const std::vector<bf16> result = out.to_host();
  for (int r = 0; r < requests; ++r)
    std::printf("request %d: %g\n", r, static_cast<double>(static_cast<float>(result[r * heads * dim])));
}
