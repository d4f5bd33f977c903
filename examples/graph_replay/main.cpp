/// A decode step captured in a HIP or CUDA graph once and replayed while the requests grow, end and begin: the tables
/// lie in device memory, and the captured planner reads them anew each time.

#include <cmath>
#include <cstdio>
#include <cstring>
#include <paragon/paragon.hpp>
#include <random>

#include "support/device_vector.hpp"
#include "support/graph.hpp"

using namespace paragon;
using examples::device_vector;

namespace {

constexpr int requests = 4, heads = 8, kv_heads = 2, dim = 128, page_size = 16;
constexpr int pages_per_request = 64, pages = requests * pages_per_request;
using step = decode<decode_config<bf16, bf16, nhd, dim>>;

void expect(const status& s) {
  if (!s) throw std::runtime_error{s.message()};
}

device_vector<bf16> random_numbers(int count) {
  std::mt19937 random{static_cast<unsigned>(count)};
  std::normal_distribution<float> normal;
  std::vector<bf16> numbers;
  for (int i = 0; i < count; ++i) numbers.emplace_back(normal(random));
  return device_vector<bf16>{numbers};
}

/// The batch's tables in device memory that stays where it is. Request r has pages r, r + 4, r + 8, ...
class tables {
 public:
  void set(const std::vector<int>& lengths) {
    std::vector<std::int32_t> indptr{0}, indices, last_page_len;
    for (int r = 0; r < requests; ++r) {
      const int length = lengths[static_cast<std::size_t>(r)];
      for (int page = 0; page * page_size < length; ++page) indices.push_back(r + page * requests);
      indptr.push_back(static_cast<std::int32_t>(indices.size()));
      last_page_len.push_back(length == 0 ? 0 : (length - 1) % page_size + 1);
    }
    for (auto [to, from] : {std::pair{&indptr_, &indptr}, {&indices_, &indices}, {&last_page_len_, &last_page_len}})
      examples::device_memory::copy(to->data(), from->data(), from->size() * sizeof(std::int32_t));
  }
  [[nodiscard]] ragged_requests view() const {
    return {requests, indptr_.data(), indices_.data(), last_page_len_.data()};
  }

 private:
  device_vector<std::int32_t> indptr_{requests + 1}, indices_{pages}, last_page_len_{requests};
};

bool same_bits(const std::vector<bf16>& a, const std::vector<bf16>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(bf16)) == 0;
}

/// Replays one graph for a series of lengths; true if each replay gives the bits of a run of its own.
bool replay() {
  const device_vector<bf16> query = random_numbers(requests * heads * dim);
  const device_vector<bf16> keys = random_numbers(pages * page_size * kv_heads * dim);
  const device_vector<bf16> values = random_numbers(pages * page_size * kv_heads * dim + 1);
  device_vector<bf16> replayed(query.size()), fresh(query.size());
  tables batch;
  batch.set(std::vector<int>(requests, 1));

  const auto arguments = [&](device_vector<bf16>& out) {
    return step::arguments{.query = contiguous_heads(query.data(), requests, heads, dim),
                           .kv = {keys.data(), values.data(), kv_shape{pages, page_size, kv_heads, dim}},
                           .requests = batch.view(),
                           .out = contiguous_heads(out.data(), requests, heads, dim),
                           .softmax_scale = 1.0f / std::sqrt(static_cast<float>(dim))};
  };
  std::size_t bytes = 0;
  expect(step::workspace_size(arguments(replayed), bytes));
  device_vector<std::byte> memory(bytes), other_memory(bytes);
  const examples::device_stream stream;
  const examples::captured_graph graph{stream, [&] {
                                         const workspace space{memory.data(), bytes};
                                         expect(step::plan(arguments(replayed), space, stream.get()));
                                         expect(step::run_planned(arguments(replayed), space, stream.get()));
                                       }};

  bool all_same = true;
  const std::vector<int> series[] = {{1, 1, 1, 1}, {5, 0, 700, 33}, {6, 1, 701, 34}, {7, 2, 0, 1024}, {0, 0, 0, 0}};
  for (const std::vector<int>& lengths : series) {
    batch.set(lengths);
    graph.launch(stream);
    stream.synchronize();
    expect(step::run(arguments(fresh), {other_memory.data(), bytes}, stream.get()));
    const bool same = same_bits(replayed.to_host(), fresh.to_host());
    std::printf("lengths %4d %4d %4d %4d: the replay %s\n", lengths[0], lengths[1], lengths[2], lengths[3],
                same ? "equals a run of its own" : "DIFFERS from a run of its own");
    all_same = all_same && same;
  }
  return all_same;
}

}  // namespace

int main() {
  try {
    return replay() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
