#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

/// The batches that are measured, and what a call on one of them reads.
namespace paragon_bench {

struct batch {
  std::string name;
  std::vector<int> lengths;

  [[nodiscard]] std::int64_t tokens() const { return std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}); }
};

/// The rest of a case: everything but the lengths.
struct shape {
  const char* kv;  ///< "fp8", "bf16" or "fp16"
  int query_heads, kv_heads, head_dim, page_size;
};

/// 128 requests whose lengths have the logarithm's mean 6.8 and deviation 1, at most 32768; the same ones in every run.
inline std::vector<int> lognormal_lengths() {
  std::mt19937 random{11};
  std::lognormal_distribution<double> length{6.8, 1.0};
  std::vector<int> lengths;
  for (int r = 0; r < 128; ++r) lengths.push_back(std::clamp(static_cast<int>(length(random)), 1, 32768));
  return lengths;
}

inline std::vector<batch> batches() {
  struct uniform {
    const char* name;
    std::size_t requests;
    int tokens;
  };
  constexpr uniform sizes[] = {{"1x1k", 1, 1024},   {"1x32k", 1, 32768},   {"8x4k", 8, 4096},  {"32x2k", 32, 2048},
                               {"64x4k", 64, 4096}, {"256x1k", 256, 1024}, {"64x8k", 64, 8192}};
  std::vector<batch> all;
  for (const uniform& u : sizes) all.push_back({u.name, std::vector<int>(u.requests, u.tokens)});
  all.push_back({"rag128", lognormal_lengths()});
  std::vector<int> skewed(64, 512);
  skewed[5] = 131072;
  all.push_back({"skew", skewed});
  return all;
}

/// A ragged table over shuffled pages.
struct tables {
  std::vector<std::int32_t> indptr{0}, indices, last_page_len;

  tables(const batch& of, int page_size) {
    for (const int length : of.lengths) {
      indptr.push_back(indptr.back() + (length + page_size - 1) / page_size);
      last_page_len.push_back((length - 1) % page_size + 1);
    }
    indices.resize(static_cast<std::size_t>(indptr.back()));
    std::iota(indices.begin(), indices.end(), 0);
    std::shuffle(indices.begin(), indices.end(), std::mt19937{1});
  }
  [[nodiscard]] int pages() const { return indptr.back(); }
};

}  // namespace paragon_bench
