/// bench_decode [--kv fp8|bf16|fp16] [--heads QUERY/KV] [--head-dim DIM] [--page SIZE]
///              [--batch NAME | --requests N --tokens T] [--plan] [--json]
///
/// Times decode calls (run_planned, the plan made before; with --plan: run, which plans too) on cold caches, beside a
/// kernel that only reads as many bytes, in the same run. Without options: all batches, for the KV types, head counts
/// and page sizes of docs/performance.md. --batch takes one of the named batches, --requests and --tokens one of
/// requests that are equally long. --json prints a line of JSON for each case instead of the table.
///
/// In a build with -Dflashinfer_include the same run times FlashInfer's CUDA-core and tensor-core decode kernels on the
/// same memory, where they support the shape; the table has the time of the faster one, and that over ours.

#include <bench/measure.hpp>
#include <cstdio>
#include <cstdlib>
#include <paragon/platform/platform.hpp>
#include <stdexcept>

using namespace paragon_bench;
using paragon::platform::device_info;

namespace {

constexpr shape standard[] = {{"fp8", 64, 8, 128, 1},   {"fp8", 64, 8, 128, 16},  {"fp8", 8, 1, 128, 16},
                              {"fp8", 32, 8, 128, 1},   {"fp8", 32, 8, 128, 16},  {"fp8", 64, 4, 128, 16},
                              {"fp8", 32, 32, 128, 16}, {"bf16", 64, 8, 128, 1},  {"bf16", 64, 8, 128, 16},
                              {"bf16", 8, 1, 128, 16},  {"bf16", 32, 32, 128, 16}};

constexpr struct {
  int head_dim;
  decltype(&measure<128>) time;
} head_dims[] = {{64, measure<64>}, {80, measure<80>}, {128, measure<128>}, {192, measure<192>}, {256, measure<256>}};

result measure_any(const batch& requests, const shape& of, bool with_plan, const device_info& device) {
  for (const auto& known : head_dims)
    if (known.head_dim == of.head_dim) return known.time(requests, of, with_plan, device);
  throw std::runtime_error{"--head-dim is one of 64, 80, 128, 192, 256"};
}

struct options {
  std::vector<shape> shapes{std::begin(standard), std::end(standard)};
  std::vector<batch> batches = paragon_bench::batches();
  bool with_plan = false, json = false;
};

/// The option that `word` names, from its value; false if there is none such.
bool parse_shape(const std::string& word, const char* value, shape& given) {
  if (word == "--kv") return given.kv = value, true;
  if (word == "--heads")
    return std::sscanf(value, "%d/%d", &given.query_heads, &given.kv_heads) == 2 && given.query_heads > 0 &&
           given.kv_heads > 0;
  if (word == "--head-dim") return (given.head_dim = std::atoi(value)) > 0;
  return word == "--page" && (given.page_size = std::atoi(value)) > 0;
}

void keep_batch(const std::string& name, std::vector<batch>& all) {
  std::string names;
  for (const batch& known : all) names += " " + known.name;
  std::erase_if(all, [&](const batch& known) { return known.name != name; });
  if (all.empty()) throw std::runtime_error{"--batch is one of" + names};
}

options parse(int count, char** words) {
  options given;
  shape only{"fp8", 64, 8, 128, 16};
  int requests = 0, tokens = 0;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const char* value = i + 1 < count ? words[i + 1] : "";
    if (word == "--json") {
      given.json = true;
      continue;
    }
    if (word == "--plan") {
      given.with_plan = true;
      continue;
    }
    ++i;
    if (word == "--batch")
      keep_batch(value, given.batches);
    else if (word == "--requests" && (requests = std::atoi(value)) > 0)
      continue;
    else if (word == "--tokens" && (tokens = std::atoi(value)) > 0)
      continue;
    else if (parse_shape(word, value, only))
      given.shapes = {only};
    else
      throw std::runtime_error{
          "usage: bench_decode [--kv TYPE] [--heads QUERY/KV] [--head-dim DIM] [--page SIZE] "
          "[--batch NAME | --requests N --tokens T] [--plan] [--json]"};
  }
  if ((requests > 0) != (tokens > 0)) throw std::runtime_error{"--requests and --tokens need each other"};
  if (requests > 0)
    given.batches = {{std::to_string(requests) + "x" + std::to_string(tokens),
                      std::vector<int>(static_cast<std::size_t>(requests), tokens)}};
  return given;
}

void print_row(const batch& requests, const result& r) {
  std::printf("  %-7s %8.1f MiB %9.1f us  read %9.1f us  %3.0f%%", requests.name.c_str(),
              static_cast<double>(r.kv_bytes) / 0x1p20, r.decode_us, r.read_us, 100.0 * r.read_us / r.decode_us);
  if (r.peer_us) std::printf("  FlashInfer %9.1f us  %5.2f", *r.peer_us, *r.peer_us / r.decode_us);
  std::printf("\n");
}

void print_json(const batch& requests, const shape& of, bool with_plan, const result& r) {
  std::printf(
      "{\"case\": \"%s\", \"kv\": \"%s\", \"q_heads\": %d, \"kv_heads\": %d, \"head_dim\": %d, \"page_size\": %d, "
      "\"kv_bytes\": %lld, \"time_us\": %.2f, \"read_us\": %.2f, \"share\": %.4f",
      requests.name.c_str(), of.kv, of.query_heads, of.kv_heads, of.head_dim, of.page_size,
      static_cast<long long>(r.kv_bytes), r.decode_us, r.read_us, r.read_us / r.decode_us);
  if (with_plan) std::printf(", \"plan\": true");
  if (r.peer_us) std::printf(", \"peer_us\": %.2f", *r.peer_us);
  std::printf("}\n");
}

void run(const shape& of, const options& given, const device_info& device) {
  if (!given.json)
    std::printf("%-4s %d/%d head dim %d page %d\n", of.kv, of.query_heads, of.kv_heads, of.head_dim, of.page_size);
  for (const batch& requests : given.batches) {
    const result r = measure_any(requests, of, given.with_plan, device);
    if (given.json)
      print_json(requests, of, given.with_plan, r);
    else
      print_row(requests, r);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int count, char** words) {
  try {
    const options given = parse(count, words);
    device_info device;
    if (const paragon::status s = paragon::platform::query_device(device); !s) throw std::runtime_error{s.message()};
    if (!given.json) std::printf("%s, %d compute units\n", device.name, device.compute_units);
    for (const shape& of : given.shapes) run(of, given, device);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
