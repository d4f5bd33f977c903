/// One program for models whose types are known when it runs: the configurations that were compiled are a list, and a
/// request picks one of them, or is refused with the list.
///
///   dispatch [QUERY [KV [HEAD_DIM]]]     QUERY: bf16 or fp16;  KV: auto, fp8 or fp8_e4m3;  default: bf16 fp8 128

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <paragon/paragon.hpp>
#include <string_view>

#include "support/device_vector.hpp"

using namespace paragon;
using examples::device_vector;

namespace {

using engine = dispatch<decode_config<bf16, bf16, nhd, 64>, decode_config<bf16, bf16, nhd, 128>,
                        decode_config<fp16, fp16, nhd, 128>, decode_config<bf16, fp8_e4m3fn, nhd, 128>,
                        decode_config<bf16, fp8_e4m3fnuz, nhd, 128>>;

/// What the command line asks for.
struct model {
  element_type query;
  element_type kv;
  int head_dim;
};

status parse(int count, char** arguments, model& m) {
  const std::string_view query = count > 1 ? arguments[1] : "bf16", kv = count > 2 ? arguments[2] : "fp8";
  if (query != "bf16" && query != "fp16")
    return status::failure(status_code::unsupported_dtype,
                           "query type \"%.32s\" is not known; accepted are bf16 and fp16", query.data());
  m.query = query == "bf16" ? element_type::bf16 : element_type::fp16;
  m.head_dim = count > 3 ? std::atoi(arguments[3]) : 128;
  kv_cache_dtype named{};
  if (status s = parse_kv_cache_dtype(kv, named); !s) return s;
  return resolve(named, m.query, m.kv);
}

/// Real numbers as bytes of a type: stored = real / descale.
template <class T> std::vector<std::byte> bytes_of(const std::vector<float>& real, float descale) {
  std::vector<std::byte> bytes(real.size() * sizeof(T));
  for (std::size_t i = 0; i < real.size(); ++i) {
    const T stored{real[i] / descale};
    std::memcpy(bytes.data() + i * sizeof(T), &stored, sizeof(T));
  }
  return bytes;
}
std::vector<std::byte> encode(element_type type, const std::vector<float>& real, float descale = 1.0f) {
  switch (type) {
    case element_type::bf16:
      return bytes_of<bf16>(real, descale);
    case element_type::fp16:
      return bytes_of<fp16>(real, descale);
    case element_type::fp8_e4m3fn:
      return bytes_of<fp8_e4m3fn>(real, descale);
    case element_type::fp8_e4m3fnuz:
      return bytes_of<fp8_e4m3fnuz>(real, descale);
    default:
      return {};
  }
}
float decode_first(element_type type, const std::vector<std::byte>& bytes) {
  std::uint16_t bits;
  std::memcpy(&bits, bytes.data(), sizeof(bits));
  return type == element_type::bf16 ? static_cast<float>(bf16::from_bits(bits))
                                    : static_cast<float>(fp16::from_bits(bits));
}

/// One request of 40 tokens in pages of 16. All keys are equal, so that the output is the mean of the values: token t
/// has the value 100 t, which no fp8 format reaches without a scale.
status run(const model& m, float& output) {
  constexpr int heads = 8, kv_heads = 2, pages = 3, page_size = 16, tokens = 40;
  const auto dim = static_cast<std::size_t>(m.head_dim);
  std::vector<float> key_numbers(pages * page_size * kv_heads * dim, 3.0f), value_numbers;
  for (int token = 0; token < pages * page_size; ++token)
    value_numbers.insert(value_numbers.end(), kv_heads * dim, 100.0f * static_cast<float>(token));
  const per_tensor descale{0.01f, 4800.0f / max_finite<fp8_e4m3fnuz>};

  const bool scaled = is_fp8(m.kv);
  const device_vector<std::byte> query{encode(m.query, std::vector<float>(heads * dim, 0.5f))};
  const device_vector<std::byte> keys{encode(m.kv, key_numbers, scaled ? descale.key : 1.0f)};
  const device_vector<std::byte> values{encode(m.kv, value_numbers, scaled ? descale.value : 1.0f)};
  const device_vector<std::int32_t> kv_indptr({0, pages}), kv_indices({0, 1, 2});
  const device_vector<std::int32_t> kv_last_page_len(std::vector<std::int32_t>{tokens - 2 * page_size});
  device_vector<std::byte> out{query.size()};

  engine::request request{
      .query = {m.query, contiguous_heads<const void>(query.data(), 1, heads, m.head_dim)},
      .kv = {m.kv, cache_layout::nhd, keys.data(), values.data(), kv_shape{pages, page_size, kv_heads, m.head_dim}},
      .requests = {1, kv_indptr.data(), kv_indices.data(), kv_last_page_len.data()},
      .out = {m.query, contiguous_heads<void>(out.data(), 1, heads, m.head_dim)},
      .softmax_scale = 1.0f / std::sqrt(static_cast<float>(m.head_dim)),
  };
  if (scaled) request.kv.descale = descale;

  std::size_t bytes = 0;
  if (status s = engine::workspace_size(request, bytes); !s) return s;
  device_vector<std::byte> memory(bytes);
  if (status s = engine::run(request, {memory.data(), bytes}, {}); !s) return s;
  output = decode_first(m.query, out.to_host());
  return status::success();
}

}  // namespace

int main(int count, char** arguments) {
  model m{};
  float output = 0.0f;
  status s = parse(count, arguments, m);
  if (s) s = run(m, output);
  if (!s) {
    std::fprintf(stderr, "%s\n", s.message());
    return 1;
  }
  std::printf("query %s, cache %s, head dim %d: the mean of 0, 100, ..., 3900 is %g\n", name_of(m.query), name_of(m.kv),
              m.head_dim, static_cast<double>(output));
}
