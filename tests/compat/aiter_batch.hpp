#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <paragon/compat/aiter.hpp>
#include <paragon/reference/attention.hpp>
#include <random>
#include <support/device_buffer.hpp>
#include <support/output.hpp>
#include <thread>
#include <vector>

/// Batches as aiter's tests have them: many requests of one length, here over the pages of a few sequences, so that the
/// largest of the grid still are made in no time.
namespace paragon_test {

namespace aiter = paragon::compat::aiter;

/// K or V of some sequences, [sequence][token][KV head][dim]: a paged cache of one token per page.
template <paragon::kv_element KV> class token_rows {
 public:
  token_rows(int sequences, int tokens, int heads, int dim, float descale, unsigned seed)
      : length{tokens}, row_elements{heads * dim}, scale{descale} {
    std::mt19937 random{seed};
    std::normal_distribution<float> normal;
    std::vector<KV> some(4093);  // drawn from again and again, at steps that never fit a power of two
    for (KV& x : some) x = KV{normal(random) / scale};
    rows.resize(static_cast<std::size_t>(sequences) * static_cast<std::size_t>(length * row_elements));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = some[(i * 31 + i / 127 * 7) % some.size()];
  }
  const KV* token(int sequence, int t) const {
    return rows.data() + (std::int64_t{sequence} * length + t) * row_elements;
  }

  int length, row_elements;
  float scale;  ///< real = stored * scale; 1 for 16-bit elements
  std::vector<KV> rows;
};

/// What the answer of a call depends on: nothing of how the cache is paged.
template <paragon::half_element Query, paragon::kv_element KV> class aiter_problem {
 public:
  static constexpr bool is_fp8 = paragon::fp8_element<KV>;

  aiter_problem(std::vector<int> request_lengths, int query_heads, int kv_head_count, int head_dim,
                int query_tokens = 1)
      : lengths{std::move(request_lengths)},
        heads{query_heads},
        kv_heads{kv_head_count},
        dim{head_dim},
        mtp{query_tokens},
        keys{sequences(), longest(), kv_heads, dim, is_fp8 ? 0.37f : 1.0f, 1},
        values{sequences(), longest(), kv_heads, dim, is_fp8 ? 0.013f : 1.0f, 2} {
    std::mt19937 random{3};
    std::normal_distribution<float> normal;
    query.resize(static_cast<std::size_t>(rows() * heads * dim));
    for (Query& x : query) x = Query{normal(random)};
    for (int h = 0; h < heads; ++h)
      slopes.push_back(std::exp2(-8.0f * static_cast<float>(h + 1) / static_cast<float>(heads)));
  }

  int requests() const { return static_cast<int>(lengths.size()); }
  int rows() const { return requests() * mtp; }
  int sequences() const { return std::min(requests(), 8); }
  int longest() const { return *std::ranges::max_element(lengths); }
  float softmax_scale() const { return 1.0f / std::sqrt(static_cast<float>(dim)); }

  /// Float64 attention, requests shared among threads.
  paragon::reference::result expected(float soft_cap, bool alibi) const {
    paragon::reference::result all{rows(), heads, dim};
    const int threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, requests());
    std::vector<std::jthread> workers;
    for (int w = 0; w < threads; ++w)
      workers.emplace_back([&, w] {
        for (int r = w; r < requests(); r += threads) attend(r, soft_cap, alibi, all);
      });
    workers.clear();
    return all;
  }

  std::vector<int> lengths;
  int heads, kv_heads, dim, mtp;
  token_rows<KV> keys, values;
  std::vector<Query> query;
  std::vector<float> slopes;

 private:
  paragon::paged_kv<KV, paragon::nhd> cache() const {
    const paragon::kv_shape shape{std::int64_t{sequences()} * longest(), 1, kv_heads, dim};
    if constexpr (is_fp8)
      return {keys.rows.data(), values.rows.data(), shape, paragon::per_tensor{keys.scale, values.scale}};
    else
      return {keys.rows.data(), values.rows.data(), shape};
  }
  void attend(int r, float soft_cap, bool alibi, paragon::reference::result& all) const {
    const int length = lengths[static_cast<std::size_t>(r)];
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(length));
    std::iota(tokens.begin(), tokens.end(), r % sequences() * longest());
    const std::int32_t indptr[] = {0, length};
    const auto one = paragon::reference::attention(
        paragon::contiguous_heads(query.data() + std::int64_t{r} * mtp * heads * dim, mtp, heads, dim), cache(),
        {1, indptr, tokens.data(), nullptr}, {mtp}, static_cast<double>(softmax_scale()),
        {.soft_cap = static_cast<double>(soft_cap), .alibi_slopes = alibi ? slopes.data() : nullptr});
    const auto row = static_cast<std::ptrdiff_t>(all.row(r * mtp, 0));
    std::ranges::copy(one.out, all.out.begin() + row * dim);
    std::ranges::copy(one.mass, all.mass.begin() + row * dim);
    std::ranges::copy(one.lse, all.lse.begin() + row);
  }
};

/// The problem on the device, in blocks and a layout. Slots and blocks without a token hold NaN.
template <paragon::half_element Query, paragon::kv_element KV> class aiter_batch {
 public:
  aiter_batch(const aiter_problem<Query, KV>& p, int block_size, bool is_nhd)
      : problem_{p},
        block_{block_size},
        nhd_{is_nhd},
        blocks_per_sequence_{(p.longest() + block_size - 1) / block_size},
        order_{shuffled(p.sequences() * blocks_per_sequence_ + 3)},
        keys_{paged(p.keys)},
        values_{paged(p.values)},
        query_{p.query},
        slopes_{p.slopes},
        key_scale_{std::vector{p.keys.scale}},
        value_scale_{std::vector{p.values.scale}},
        indptr_{0},
        indices_{0},
        last_block_{0} {
    std::vector<std::int32_t> indptr{0}, indices, last;
    for (int r = 0; r < p.requests(); ++r) {
      const int length = p.lengths[static_cast<std::size_t>(r)];
      for (int b = 0; b * block_ < length; ++b) indices.push_back(block_of(r % p.sequences(), b));
      indptr.push_back(static_cast<std::int32_t>(indices.size()));
      last.push_back(length == 0 ? 0 : (length - 1) % block_ + 1);
    }
    indptr_ = device_buffer<std::int32_t>{indptr};
    indices_ = device_buffer<std::int32_t>{indices};
    last_block_ = device_buffer<std::int32_t>{last};
  }

  /// The call, without a workspace.
  template <class Out> aiter::ragged_arguments arguments(guarded_output<Out>& out, float soft_cap, bool alibi) const {
    const auto type = paragon::element_type_of<Query>;
    const auto to = out.device();
    const std::int64_t blocks = std::ssize(order_), heads = problem_.kv_heads, dim = problem_.dim;
    const auto cache = [&](const device_buffer<KV>& pages) {
      constexpr auto kv = paragon::element_type_of<KV>;
      return nhd_ ? aiter::contiguous<const void>(pages.data(), kv, {blocks, block_, heads, dim})
                  : aiter::contiguous<const void>(pages.data(), kv, {blocks, heads, block_, dim});
    };
    return {.out = {to.data,
                    paragon::element_type_of<Out>,
                    {to.tokens, to.heads, dim},
                    {to.token_stride, to.head_stride, 1}},
            .workspace_buffer = {},
            .query = aiter::contiguous<const void>(query_.data(), type, {problem_.rows(), problem_.heads, dim}),
            .key_cache = cache(keys_),
            .value_cache = cache(values_),
            .scale = problem_.softmax_scale(),
            .kv_indptr = indptr_.data(),
            .kv_page_indices = indices_.data(),
            .kv_last_page_lens = block_ == 1 ? nullptr : last_block_.data(),
            .block_size = block_,
            .max_num_partitions = 1,
            .alibi_slopes = alibi ? slopes_.data() : nullptr,
            .kv_cache_dtype = paragon::fp8_element<KV> ? "fp8_e4m3" : "auto",
            .kv_cache_layout = nhd_ ? "NHD" : "HND",
            .logits_soft_cap = soft_cap,
            .k_scale = key_scale_.data(),
            .v_scale = value_scale_.data(),
            .mtp = problem_.mtp};
  }

 private:
  static std::vector<std::int32_t> shuffled(int count) {
    std::vector<std::int32_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937{5});
    return order;
  }
  std::int32_t block_of(int sequence, int index) const {
    return order_[static_cast<std::size_t>(sequence * blocks_per_sequence_ + index)];
  }
  device_buffer<KV> paged(const token_rows<KV>& tokens) const {
    const auto strides = nhd_ ? paragon::nhd::strides(block_, problem_.kv_heads, problem_.dim)
                              : paragon::hnd::strides(block_, problem_.kv_heads, problem_.dim);
    std::vector<KV> pages(order_.size() * static_cast<std::size_t>(strides.page), poison<KV>());
    for (int s = 0; s < problem_.sequences(); ++s)
      for (int t = 0; t < tokens.length; ++t)
        for (int h = 0; h < problem_.kv_heads; ++h)
          std::copy_n(tokens.token(s, t) + h * problem_.dim, problem_.dim,
                      pages.begin() + strides.offset(block_of(s, t / block_), t % block_, h));
    return device_buffer<KV>{pages};
  }

  const aiter_problem<Query, KV>& problem_;
  int block_;
  bool nhd_;
  int blocks_per_sequence_;
  std::vector<std::int32_t> order_;
  device_buffer<KV> keys_, values_;
  device_buffer<Query> query_;
  device_buffer<float> slopes_, key_scale_, value_scale_;
  device_buffer<std::int32_t> indptr_, indices_, last_block_;
};

}  // namespace paragon_test
