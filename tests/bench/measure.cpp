#include <bench/measure.hpp>
#include <bench/peer.hpp>
#include <bench/read_kernel.hpp>
#include <bench/timing.hpp>
#include <cmath>
#include <paragon/decode/decode.hpp>
#include <stdexcept>
#include <support/device_vector.hpp>
#include <utility>

namespace paragon_bench {

using namespace paragon;
using examples::device_vector;

namespace {

constexpr int dim = PARAGON_BENCH_HEAD_DIM;

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

/// How many data sets keep a set of so many bytes out of the largest cache there is (256 MiB, MI300X) until its turn;
/// no more than a graph has room for, so that sets of less than 64 KiB stay in such a cache.
std::size_t sets_for(std::int64_t bytes) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>((std::int64_t{1} << 30) / bytes, 1, 4096));
}

template <class Query, class KV> struct problem {
  using step = decode<decode_config<Query, KV, nhd, dim>>;
  static constexpr per_tensor descale{0.5f, 0.25f};

  shape of;
  tables host;
  std::int64_t kv_bytes;  // of the tokens; page tails are not read
  device_vector<std::int32_t> indptr{host.indptr}, indices{host.indices}, last_page_len{host.last_page_len};
  kv_shape cache{host.pages(), of.page_size, of.kv_heads, dim};
  std::size_t half = static_cast<std::size_t>(cache.pages) * static_cast<std::size_t>(of.page_size * of.kv_heads * dim);
  std::vector<device_vector<KV>> sets;  // V of a set behind its K, so that the reading kernel reads the same memory
  int rows;
  std::size_t out_size = static_cast<std::size_t>(rows) * static_cast<std::size_t>(of.query_heads * dim);
  device_vector<Query> query = random_numbers<Query>(out_size, 99);
  device_vector<Query> out{out_size};
  device_vector<std::byte> memory{0};

  problem(const batch& requests, const shape& given)
      : of{given},
        host{requests, given.page_size},
        kv_bytes{requests.tokens() * given.kv_heads * dim * 2 * static_cast<std::int64_t>(sizeof(KV))},
        rows{static_cast<int>(requests.lengths.size())} {
    const std::vector<KV> block = random_block<KV>(2 * half, 0);
    for (std::size_t i = 0; i < sets_for(kv_bytes); ++i) sets.push_back(repeated(block, 2 * half));
    std::size_t bytes = 0;
    expect(step::workspace_size(arguments(0), bytes));
    memory = device_vector<std::byte>(bytes);
    expect(step::plan(arguments(0), space(), platform::stream{}));
    examples::device_memory::synchronize();
  }

  [[nodiscard]] int count() const { return static_cast<int>(sets.size()); }
  [[nodiscard]] const KV* keys(int i) const { return sets[static_cast<std::size_t>(i)].data(); }
  [[nodiscard]] workspace space() { return {memory.data(), memory.bytes()}; }
  [[nodiscard]] float softmax_scale() const { return 1.0f / std::sqrt(static_cast<float>(dim)); }

  [[nodiscard]] typename step::arguments arguments(int i) {
    const auto kv = [&]() -> paged_kv<KV, nhd, default_descale<KV>> {
      if constexpr (fp8_element<KV>)
        return {keys(i), keys(i) + half, cache, descale};
      else
        return {keys(i), keys(i) + half, cache};
    };
    return typename step::arguments{.query = contiguous_heads(std::as_const(query).data(), rows, of.query_heads, dim),
                                    .kv = kv(),
                                    .requests = {rows, indptr.data(), indices.data(), last_page_len.data()},
                                    .out = contiguous_heads(out.data(), rows, of.query_heads, dim),
                                    .softmax_scale = softmax_scale()};
  }

  double decode_time(bool with_plan) {
    return median_time(count(), [&](int i, platform::stream stream) {
      expect(with_plan ? step::run(arguments(i), space(), stream) : step::run_planned(arguments(i), space(), stream));
    });
  }

  [[nodiscard]] double read_time(int compute_units) const {
    device_vector<std::uint32_t> word(1);
    int resident = 0;
    expect(platform::occupancy<read_kernel>(read_kernel::max_waves, 0, resident));
    return median_time(count(), [&](int i, platform::stream stream) {
      expect(platform::launch<read_kernel>(compute_units * resident, read_kernel::max_waves, 0, stream,
                                           {reinterpret_cast<const std::byte*>(keys(i)),
                                            kv_bytes / read_kernel::step * read_kernel::step, word.data()}));
    });
  }

  /// Of a peer's `out`, which lacks the descale of V: the same row sums, but for roundings to 16 bits on the way.
  void check_peer(const device_vector<Query>& theirs, const char* kernel) const {
    const std::vector<Query> ours = out.to_host(), other = theirs.to_host();
    const double factor = fp8_element<KV> ? static_cast<double>(descale.value) : 1.0;
    double difference = 0.0, norm = 0.0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const double right = static_cast<double>(static_cast<float>(ours[i]));
      const double error = factor * static_cast<double>(static_cast<float>(other[i])) - right;
      difference += error * error;
      norm += right * right;
    }
    if (!(difference <= 0.02 * 0.02 * norm))  // also if one of them is NaN
      throw std::runtime_error{std::string{kernel} + " computes something else than decode"};
  }

  [[nodiscard]] std::optional<double> fastest_peer() const {
    device_vector<Query> theirs{out_size};
    peer_call call{.of = of,
                   .host = host,
                   .indptr = indptr.data(),
                   .indices = indices.data(),
                   .last_page_len = last_page_len.data(),
                   .keys = {},
                   .values = {},
                   .query = query.data(),
                   .out = theirs.data(),
                   .score_scale = softmax_scale() * (fp8_element<KV> ? descale.key : 1.0f),
                   .check_out = [&](const char* kernel) { check_peer(theirs, kernel); }};
    for (int i = 0; i < count(); ++i) {
      call.keys.push_back(keys(i));
      call.values.push_back(keys(i) + half);
    }
    return peer_time<dim>(call);
  }
};

template <class Query, class KV>
result measure_types(const batch& requests, const shape& of, bool with_plan, int compute_units) {
  problem<Query, KV> on{requests, of};
  return {.kv_bytes = on.kv_bytes,
          .decode_us = on.decode_time(with_plan),
          .read_us = on.read_time(compute_units),
          // a peer's planning is not timed, and has no place beside a time that includes planning
          .peer_us = with_plan ? std::nullopt : on.fastest_peer()};
}

}  // namespace

template <int HeadDim>
result measure(const batch& requests, const shape& of, bool with_plan, const platform::device_info& device) {
  static_assert(HeadDim == dim);
  const auto with = [&]<class Query, class KV>() {
    return measure_types<Query, KV>(requests, of, with_plan, device.compute_units);
  };
  const std::string kv = of.kv;
  if (kv == "bf16") return with.template operator()<bf16, bf16>();
  if constexpr (dim == 128)
    if (kv == "fp16") return with.template operator()<fp16, fp16>();
  if (kv != "fp8") throw std::runtime_error{"--kv is one of fp8, bf16, and with head dim 128 fp16"};
  if (device.fp8 == platform::fp8_hardware::fnuz) return with.template operator()<bf16, fp8_e4m3fnuz>();
  return with.template operator()<bf16, fp8_e4m3fn>();
}

template result measure<dim>(const batch&, const shape&, bool, const platform::device_info&);

}  // namespace paragon_bench
