/// bench_decode [--kv fp8|bf16|fp16] [--heads QUERY/KV] [--page SIZE] [--batch NAME] [--json]
///
/// Times decode calls (run_planned, the plan made before) of head dim 128 on cold caches, beside a kernel that only
/// reads as many bytes, in the same run. Without options: all batches, for the KV types, head counts and page sizes of
/// docs/performance.md. --json prints a line of JSON for each case instead of the table.

#include <bench/cases.hpp>
#include <bench/read_kernel.hpp>
#include <bench/timing.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <paragon/decode/decode.hpp>
#include <support/device_vector.hpp>

using namespace paragon;
using namespace paragon_bench;
using examples::device_vector;

namespace {

constexpr int dim = 128;

struct choice {
  const char* kv;
  int query_heads, kv_heads, page_size;
};
constexpr choice standard[] = {{"fp8", 64, 8, 1},   {"fp8", 64, 8, 16}, {"fp8", 8, 1, 16},   {"fp8", 32, 8, 1},
                               {"fp8", 32, 8, 16},  {"fp8", 64, 4, 16}, {"fp8", 32, 32, 16}, {"bf16", 64, 8, 1},
                               {"bf16", 64, 8, 16}, {"bf16", 8, 1, 16}, {"bf16", 32, 32, 16}};

void expect(const status& s) {
  if (!s) throw std::runtime_error{s.message()};
}

/// Normal numbers, at most a million of them.
template <class T> std::vector<T> random_block(std::size_t count, unsigned seed) {
  std::mt19937 random{seed};
  std::normal_distribution<float> normal;
  std::vector<T> block(std::min(count, std::size_t{1} << 20));
  for (T& x : block) x = T{normal(random)};
  return block;
}

/// `count` elements: `block` over and over.
template <class T> device_vector<T> repeated(const std::vector<T>& block, std::size_t count) {
  device_vector<T> numbers(count);
  for (std::size_t at = 0; at < count; at += block.size())
    examples::device_memory::copy(numbers.data() + at, block.data(), std::min(block.size(), count - at) * sizeof(T));
  return numbers;
}

template <class T> device_vector<T> random_numbers(std::size_t count, unsigned seed) {
  return repeated(random_block<T>(count, seed), count);
}

/// How many data sets keep a set of so many bytes out of the largest cache there is (256 MiB, MI300X) until its turn.
int sets_for(std::int64_t bytes) {
  return static_cast<int>(std::max<std::int64_t>(1, (std::int64_t{1} << 30) / bytes));
}

struct result {
  std::int64_t kv_bytes;
  double decode_us, read_us;
};

template <class KV>
double read_time(const std::vector<device_vector<KV>>& sets, std::int64_t bytes, int compute_units) {
  device_vector<std::uint32_t> out(1);
  int resident = 0;
  expect(platform::occupancy<read_kernel>(read_kernel::max_waves, 0, resident));
  return median_time(static_cast<int>(sets.size()), [&](int i, platform::stream stream) {
    expect(platform::launch<read_kernel>(compute_units * resident, read_kernel::max_waves, 0, stream,
                                         {reinterpret_cast<const std::byte*>(sets[static_cast<std::size_t>(i)].data()),
                                          bytes / read_kernel::step * read_kernel::step, out.data()}));
  });
}

template <class Query, class KV> result measure(const batch& requests, const choice& c, int compute_units) {
  using step = decode<decode_config<Query, KV, nhd, dim>>;
  const tables host{requests, c.page_size};
  const device_vector<std::int32_t> indptr{host.indptr}, indices{host.indices}, last{host.last_page_len};
  const kv_shape shape{host.pages(), c.page_size, c.kv_heads, dim};
  const auto half = static_cast<std::size_t>(shape.pages) * static_cast<std::size_t>(c.page_size * c.kv_heads * dim);
  const std::int64_t read = requests.tokens() * c.kv_heads * dim * 2 * static_cast<std::int64_t>(sizeof(KV));
  const int rows = static_cast<int>(requests.lengths.size());

  // K and V of a set lie one after the other: the reading kernel reads the same memory
  const std::vector<KV> block = random_block<KV>(2 * half, 0);
  std::vector<device_vector<KV>> sets;
  for (int i = 0; i < sets_for(read); ++i) sets.push_back(repeated(block, 2 * half));
  device_vector<Query> out(static_cast<std::size_t>(rows) * static_cast<std::size_t>(c.query_heads * dim));
  const device_vector<Query> query = random_numbers<Query>(out.size(), 99);

  const auto arguments = [&](int i) {
    const KV* keys = sets[static_cast<std::size_t>(i)].data();
    const auto kv = [&]() -> paged_kv<KV, nhd, default_descale<KV>> {
      if constexpr (fp8_element<KV>)
        return {keys, keys + half, shape, per_tensor{0.5f, 0.25f}};
      else
        return {keys, keys + half, shape};
    };
    return typename step::arguments{.query = contiguous_heads(query.data(), rows, c.query_heads, dim),
                                    .kv = kv(),
                                    .requests = {rows, indptr.data(), indices.data(), last.data()},
                                    .out = contiguous_heads(out.data(), rows, c.query_heads, dim),
                                    .softmax_scale = 1.0f / std::sqrt(static_cast<float>(dim))};
  };
  std::size_t bytes = 0;
  expect(step::workspace_size(arguments(0), bytes));
  device_vector<std::byte> memory(bytes);
  const workspace space{memory.data(), bytes};
  expect(step::plan(arguments(0), space, platform::stream{}));
  examples::device_memory::synchronize();
  const double time = median_time(static_cast<int>(sets.size()), [&](int i, platform::stream stream) {
    expect(step::run_planned(arguments(i), space, stream));
  });
  return {read, time, read_time(sets, read, compute_units)};
}

result measure(const batch& requests, const choice& c, const platform::device_info& device) {
  const std::string kv = c.kv;
  if (kv == "bf16") return measure<bf16, bf16>(requests, c, device.compute_units);
  if (kv == "fp16") return measure<fp16, fp16>(requests, c, device.compute_units);
  if (kv != "fp8") throw std::runtime_error{"--kv is one of fp8, bf16, fp16"};
  return device.fp8 == platform::fp8_hardware::fnuz ? measure<bf16, fp8_e4m3fnuz>(requests, c, device.compute_units)
                                                    : measure<bf16, fp8_e4m3fn>(requests, c, device.compute_units);
}

struct options {
  choice only{nullptr, 64, 8, 16};
  std::string batch;
  bool json = false;
};

options parse(int count, char** words) {
  options given;
  const auto any = [&]() -> choice& {
    if (given.only.kv == nullptr) given.only.kv = "fp8";
    return given.only;
  };
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const char* value = i + 1 < count ? words[i + 1] : "";
    if (word == "--json") {
      given.json = true;
      continue;
    }
    ++i;
    if (word == "--kv")
      any().kv = value;
    else if (word == "--heads" && std::sscanf(value, "%d/%d", &any().query_heads, &any().kv_heads) == 2)
      continue;
    else if (word == "--page" && (any().page_size = std::atoi(value)) > 0)
      continue;
    else if (word == "--batch")
      given.batch = value;
    else
      throw std::runtime_error{
          "usage: bench_decode [--kv TYPE] [--heads QUERY/KV] [--page SIZE] [--batch NAME] [--json]"};
  }
  return given;
}

void run(const choice& c, const options& given, const platform::device_info& device) {
  if (!given.json) std::printf("%-4s %d/%d page %d\n", c.kv, c.query_heads, c.kv_heads, c.page_size);
  for (const batch& requests : batches()) {
    if (!given.batch.empty() && requests.name != given.batch) continue;
    const result r = measure(requests, c, device);
    const double share = r.read_us / r.decode_us;
    if (given.json)
      std::printf(
          "{\"case\": \"%s\", \"kv\": \"%s\", \"q_heads\": %d, \"kv_heads\": %d, \"head_dim\": %d, \"page_size\": %d, "
          "\"kv_bytes\": %lld, \"time_us\": %.2f, \"read_us\": %.2f, \"share\": %.4f}\n",
          requests.name.c_str(), c.kv, c.query_heads, c.kv_heads, dim, c.page_size, static_cast<long long>(r.kv_bytes),
          r.decode_us, r.read_us, share);
    else
      std::printf("  %-7s %8.1f MiB %9.1f us  read %9.1f us  %3.0f%%\n", requests.name.c_str(),
                  static_cast<double>(r.kv_bytes) / 0x1p20, r.decode_us, r.read_us, 100.0 * share);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int count, char** words) {
  try {
    const options given = parse(count, words);
    platform::device_info device;
    expect(platform::query_device(device));
    if (!given.json) std::printf("%s, %d compute units\n", device.name, device.compute_units);
    if (given.only.kv != nullptr)
      run(given.only, given, device);
    else
      for (const choice& c : standard) run(c, given, device);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
