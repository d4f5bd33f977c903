#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <paragon/view/view.hpp>
#include <random>
#include <span>
#include <support/device_buffer.hpp>
#include <support/page_table.hpp>
#include <vector>

/// Random ragged decode problems: the inputs of one call, on the host for the reference and on the device for kernels.
/// Everything that a correct kernel does not use holds NaN or infinity: unused slots and pages, tokens that the window
/// hides, gaps between rows, query rows of no request, and the descale factors of all these.
namespace paragon_test {

using namespace paragon;

/// An array on the host and its copy on the device.
template <class T> class mirrored {
 public:
  mirrored() : mirrored{std::vector<T>(1)} {}
  explicit mirrored(std::vector<T> values) : host_{std::move(values)}, device_{host_} {}

  const std::vector<T>& host() const { return host_; }
  const T* data(bool on_device) const { return on_device ? device_.data() : host_.data(); }

 private:
  std::vector<T> host_;
  device_buffer<T> device_;
};

/// What is chosen about a problem; the rest is random.
struct problem_sizes {
  int head_dim = 64;
  int value_dim = 64;
  int kv_heads = 1;
  int group = 1;  ///< query heads per KV head
  int page_size = 16;
  std::vector<int> lengths = {};       ///< tokens per request
  int per_request = 1;                 ///< query tokens per request, or at most so many:
  std::vector<int> query_counts = {};  ///< with these, which then lie behind some rows of no request
  bool padded = false;                 ///< gaps between rows, heads and pages, different ones for K and V
  float query_magnitude = 1.0f;        ///< the softmax scale goes down as this goes up
  float soft_cap = 20.0f;              ///< of variants that have one
  int window = 0;                      ///< of variants that have one
};

/// What unused elements hold.
template <class T> T unusable(std::size_t i) {
  if (half_element<T> && i % 3 == 0) return T{std::numeric_limits<float>::infinity()};
  return T{std::numeric_limits<float>::quiet_NaN()};
}

/// Real numbers like those of a model: normal, heads of different magnitude, a few channels far larger than the rest.
class activations {
 public:
  activations(std::mt19937& random, int heads, int dim, float outlier) : random_{random}, dim_{dim} {
    std::uniform_real_distribution<float> exponent{-1.5f, 1.5f};
    for (int h = 0; h < heads; ++h) head_.push_back(std::exp2(exponent(random)));
    channel_.assign(static_cast<std::size_t>(dim), 1.0f);
    for (int i = 0; i < 2; ++i) channel_[random() % channel_.size()] = outlier;
  }
  void row(int head, std::vector<float>& to) {
    const float magnitude = head_[static_cast<std::size_t>(head)] * std::exp2(normal_(random_) / 2);
    for (int d = 0; d < dim_; ++d) to.push_back(normal_(random_) * magnitude * channel_[static_cast<std::size_t>(d)]);
  }

 private:
  std::mt19937& random_;
  std::normal_distribution<float> normal_;
  int dim_;
  std::vector<float> head_, channel_;
};

/// K or V of a problem: pages and factors. The factors are what calibration gives, absolute maximum / largest stored
/// number, over the layer, the head or the row; a 16-bit cache has none.
template <class KV, class Layout, class Descale> class paged_data {
 public:
  page_strides strides, factor_strides;
  mirrored<KV> pages;
  mirrored<float> factors;

  paged_data(std::mt19937& random, const page_table& table, int page_size, int heads, int dim, int padding,
             float outlier, const std::vector<page_slot>& used)
      : strides{Layout::strides(page_size, heads, dim + padding)},
        factor_strides{Layout::strides(page_size, heads, 1)} {
    strides.page += padding;
    std::vector<float> real;
    activations source{random, heads, dim, outlier};
    for (std::size_t i = 0; i < used.size(); ++i)
      for (int h = 0; h < heads; ++h) source.row(h, real);

    std::vector<float> scale = calibrate(real, used, table.pages, heads, dim);
    std::vector<KV> stored(static_cast<std::size_t>(strides.offset(table.pages, 0, 0)));
    for (std::size_t i = 0; i < stored.size(); ++i) stored[i] = unusable<KV>(i);
    const float* next = real.data();
    for (const page_slot& at : used)
      for (int h = 0; h < heads; ++h) {
        KV* row = stored.data() + strides.offset(at.page, at.slot, h);
        const float factor = fp8_element<KV> ? scale[factor_index(at, h)] : 1.0f;
        for (int d = 0; d < dim; ++d) row[d] = KV{*next++ / factor};
      }
    pages = mirrored<KV>{std::move(stored)};
    factors = mirrored<float>{std::move(scale)};
  }

  paged_tensor<KV> view(bool on_device) const { return {pages.data(on_device), strides}; }

 private:
  std::size_t factor_index(const page_slot& at, int head) const {
    if constexpr (std::is_same_v<Descale, per_token_head>)
      return static_cast<std::size_t>(factor_strides.offset(at.page, at.slot, head));
    return std::is_same_v<Descale, per_head> ? static_cast<std::size_t>(head) : 0;
  }
  std::vector<float> calibrate(const std::vector<float>& real, const std::vector<page_slot>& used,
                               std::int64_t page_count, int heads, int dim) const {
    const auto count = Descale::by_token ? factor_strides.offset(page_count, 0, 0) : std::int64_t{heads};
    std::vector<float> scale(static_cast<std::size_t>(count), std::numeric_limits<float>::quiet_NaN());
    const float* next = real.data();
    for (const page_slot& at : used)
      for (int h = 0; h < heads; ++h, next += dim) {
        float& factor = scale[factor_index(at, h)];
        for (int d = 0; d < dim; ++d) factor = std::fmax(factor, std::abs(next[d]) / max_finite<KV>);
      }
    if (used.empty() && !Descale::by_token) std::ranges::fill(scale, 0.37f);
    return scale;
  }
};

/// The inputs of a decode call.
template <class Query, class KV, class Layout, class Descale> class problem {
 public:
  const problem_sizes sizes;
  const float softmax_scale;

  problem(const problem_sizes& chosen, std::mt19937& random)
      : sizes{chosen},
        softmax_scale{1.0f / (chosen.query_magnitude * std::sqrt(static_cast<float>(chosen.head_dim)))},
        table_{make_page_table(chosen.lengths, chosen.page_size, random)},
        used_{used_slots(table_, chosen.page_size, first_tokens(chosen))},
        keys_{random, table_, chosen.page_size, chosen.kv_heads, chosen.head_dim, padding(1), 12.0f, used_},
        values_{random, table_, chosen.page_size, chosen.kv_heads, chosen.value_dim, padding(2), 3.0f, used_},
        indptr_{table_.indptr},
        indices_{table_.indices},
        last_page_len_{table_.last_page_len} {
    make_queries(random);
    slopes_ = per_query_head(random, -0.5f, 0.0f);
    sinks_ = per_query_head(random, -4.0f, 8.0f);
  }

  int requests() const { return static_cast<int>(sizes.lengths.size()); }
  int query_heads() const { return sizes.kv_heads * sizes.group; }
  int query_rows() const { return query_rows_; }

  heads_view<const Query> query(bool on_device) const {
    const std::int64_t head = sizes.head_dim + (sizes.padded ? 8 : 0);
    return {query_.data(on_device), query_rows_, query_heads(), query_heads() * head + (sizes.padded ? 24 : 0), head};
  }
  paged_kv<KV, Layout, Descale> kv(bool on_device) const {
    const kv_shape shape{table_.pages, sizes.page_size, sizes.kv_heads, sizes.head_dim, sizes.value_dim};
    const auto k = keys_.view(on_device), v = values_.view(on_device);
    const float *key = keys_.factors.data(on_device), *value = values_.factors.data(on_device);
    if constexpr (std::is_same_v<Descale, unscaled>)
      return {k, v, shape};
    else if constexpr (std::is_same_v<Descale, per_tensor>)
      return {k, v, shape, per_tensor{keys_.factors.host()[0], values_.factors.host()[0]}};
    else if constexpr (std::is_same_v<Descale, per_token_head>)
      return {k, v, shape, per_token_head{key, value, keys_.factor_strides}};
    else
      return {k, v, shape, Descale{key, value}};
  }
  ragged_requests tables(bool on_device) const {
    return {requests(), indptr_.data(on_device), indices_.data(on_device),
            sizes.page_size == 1 ? nullptr : last_page_len_.data(on_device)};
  }
  query_tokens queries(bool on_device) const {
    return {sizes.per_request, sizes.query_counts.empty() ? nullptr : query_indptr_.data(on_device)};
  }
  /// Replaces numbers of a problem without query counts: f(head, row) is given every query row.
  template <class F> void rewrite_queries(const F& f) {
    std::vector<Query> stored = query_.host();
    const heads_view<const Query> view = query(false);
    for (int token = 0; token < query_rows_; ++token)
      for (int h = 0; h < query_heads(); ++h)
        f(h, std::span{stored}.subspan(static_cast<std::size_t>(token * view.token_stride + h * view.head_stride),
                                       static_cast<std::size_t>(sizes.head_dim)));
    query_ = mirrored<Query>{std::move(stored)};
  }
  /// f(number, row) is given every key or value as it is stored, numbered from 0 as the used slots are.
  template <class F> void rewrite_keys(const F& f) { rewrite(keys_, sizes.head_dim, f); }
  template <class F> void rewrite_values(const F& f) { rewrite(values_, sizes.value_dim, f); }

  /// Arrays [query heads] for the variants that take one.
  const float* slopes(bool on_device) const { return slopes_.data(on_device); }
  const float* sinks(bool on_device) const { return sinks_.data(on_device); }

 private:
  template <class F> void rewrite(paged_data<KV, Layout, Descale>& data, int dim, const F& f) {
    std::vector<KV> stored = data.pages.host();
    for (std::size_t i = 0; i < used_.size(); ++i)
      for (int h = 0; h < sizes.kv_heads; ++h)
        f(i, std::span{stored}.subspan(static_cast<std::size_t>(data.strides.offset(used_[i].page, used_[i].slot, h)),
                                       static_cast<std::size_t>(dim)));
    data.pages = mirrored<KV>{std::move(stored)};
  }

  /// Elements between rows; what keeps rows aligned to 16 bytes.
  int padding(int times) const { return sizes.padded ? times * 16 / static_cast<int>(sizeof(KV)) : 0; }

  static std::vector<int> first_tokens(const problem_sizes& s) {
    std::vector<int> first;
    for (std::size_t r = 0; r < s.lengths.size(); ++r) {
      const int queries = s.query_counts.empty() ? s.per_request : s.query_counts[r];
      first.push_back(s.window > 0 ? std::max(0, s.lengths[r] - queries - s.window + 1) : 0);
    }
    return first;
  }

  void make_queries(std::mt19937& random) {
    std::vector<std::int32_t> indptr{2};  // rows 0 and 1 are nobody's
    for (const int count : sizes.query_counts) indptr.push_back(indptr.back() + count);
    query_rows_ = sizes.query_counts.empty() ? requests() * sizes.per_request : indptr.back() + 1;
    const heads_view<const Query> view = query(false);
    std::vector<Query> stored(static_cast<std::size_t>(query_rows_ * view.token_stride));
    for (std::size_t i = 0; i < stored.size(); ++i) stored[i] = unusable<Query>(i);
    activations source{random, query_heads(), sizes.head_dim, 5.0f};
    const int begin = sizes.query_counts.empty() ? 0 : indptr.front();
    const int end = sizes.query_counts.empty() ? query_rows_ : indptr.back();
    for (int token = begin; token < end; ++token)
      for (int h = 0; h < query_heads(); ++h) {
        std::vector<float> row;
        source.row(h, row);
        Query* to = stored.data() + token * view.token_stride + h * view.head_stride;
        for (const float x : row) *to++ = Query{x * sizes.query_magnitude};
      }
    query_ = mirrored<Query>{std::move(stored)};
    query_indptr_ = mirrored<std::int32_t>{std::move(indptr)};
  }

  mirrored<float> per_query_head(std::mt19937& random, float low, float high) const {
    std::uniform_real_distribution<float> distribution{low, high};
    std::vector<float> values(static_cast<std::size_t>(query_heads()));
    for (float& x : values) x = distribution(random);
    return mirrored<float>{std::move(values)};
  }

  page_table table_;
  std::vector<page_slot> used_;
  paged_data<KV, Layout, Descale> keys_, values_;
  mirrored<std::int32_t> indptr_, indices_, last_page_len_, query_indptr_;
  mirrored<Query> query_;
  mirrored<float> slopes_, sinks_;
  int query_rows_ = 0;
};

}  // namespace paragon_test
