#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <paragon/view/view.hpp>
#include <span>
#include <vector>

/// Attention over a paged cache in float64: what every kernel is judged by, and written to be believed by reading.
/// It runs on the host and nowhere else: all pointers of all views, tables and variants are host memory here.
namespace paragon::reference {

/// Which logit a transform is asked about. Positions are token numbers within the request.
struct logit_position {
  int request, query_token, head, kv_head;
  int query_position, kv_position;
};

/// What is done to logits besides scaling. In this order: soft cap, ALiBi, transform.
struct variant {
  double soft_cap = 0.0;                ///< logit = cap * tanh(logit / cap); 0: off
  const float* alibi_slopes = nullptr;  ///< [query heads]; logit += slope * (kv_position - query_position)
  int window = 0;                       ///< a query token sees so many last tokens, itself included; 0: all
  const float* sinks = nullptr;         ///< [query heads]; e^sink is added to the denominator
  std::function<double(double logit, const logit_position&)> transform = nullptr;  ///< -inf hides the token
};

/// Attention's results for all rows of the query tensor. Rows that belong to no request hold NaN.
struct result {
  int tokens, heads, dim;
  std::vector<double> out;   ///< [tokens, heads, dim]
  std::vector<double> mass;  ///< [tokens, heads, dim]: sum_t p_t |v_t|, which the rounding errors of `out` scale with
  std::vector<double> lse;   ///< [tokens, heads]: ln(sum_t e^logit_t), -inf for a row that sees no token

  result(int token_count, int head_count, int value_dim)
      : tokens{token_count},
        heads{head_count},
        dim{value_dim},
        out(rows() * width(), nan),
        mass(out),
        lse(rows(), nan) {}

  std::size_t row(int token, int head) const { return static_cast<std::size_t>(token) * cast(heads) + cast(head); }
  std::span<const double> out_row(int token, int head) const { return {&out[row(token, head) * width()], width()}; }
  std::span<const double> mass_row(int token, int head) const { return {&mass[row(token, head) * width()], width()}; }

  std::size_t rows() const { return cast(tokens) * cast(heads); }
  std::size_t width() const { return cast(dim); }

 private:
  static constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  static std::size_t cast(int n) { return static_cast<std::size_t>(n); }
};

/// Matrix of real numbers, [tokens][dim].
using real_rows = std::vector<std::vector<double>>;

/// K or V of one KV head of one request, out of its pages. `factor_of(page, slot)` is the descale of a row.
template <class T, class FactorOf>
real_rows gather(const paged_tensor<T>& tensor, int page_size, int dim, const ragged_requests& requests, int request,
                 int kv_head, const FactorOf& factor_of) {
  real_rows rows;
  const int end = requests.kv_indptr[request + 1];
  for (int i = requests.kv_indptr[request]; i < end; ++i) {
    const int page = requests.kv_indices[i];
    const int filled = i + 1 == end && page_size > 1 ? requests.kv_last_page_len[request] : page_size;
    for (int slot = 0; slot < filled; ++slot) {
      const T* stored = tensor.data + tensor.strides.offset(page, slot, kv_head);
      const double factor = factor_of(page, slot);
      std::vector<double>& row = rows.emplace_back();
      for (int d = 0; d < dim; ++d) row.push_back(static_cast<double>(static_cast<float>(stored[d])) * factor);
    }
  }
  return rows;
}

/// The logit of one query row and one key, all of the variant applied; -inf where the token is hidden from the query.
inline double logit_of(std::span<const double> query, std::span<const double> key, double softmax_scale,
                       const variant& with, const logit_position& at) {
  const std::int64_t age = std::int64_t{at.query_position} - at.kv_position;
  const bool left_behind = with.window > 0 && age >= with.window;
  const bool future = age < 0;
  if (future || left_behind) return -std::numeric_limits<double>::infinity();
  double logit = 0.0;
  for (std::size_t d = 0; d < query.size(); ++d) logit += query[d] * key[d];
  logit *= softmax_scale;
  if (with.soft_cap != 0.0) logit = with.soft_cap * std::tanh(logit / with.soft_cap);
  if (with.alibi_slopes != nullptr)
    logit += static_cast<double>(with.alibi_slopes[at.head]) * (at.kv_position - at.query_position);
  return with.transform ? with.transform(logit, at) : logit;
}

/// softmax(logits) V for one row. `sink`: a further logit of the denominator alone, -inf for none. Returns the LSE.
inline double weigh(std::span<const double> logits, double sink, const real_rows& values, std::span<double> out,
                    std::span<double> mass) {
  std::ranges::fill(out, 0.0);
  std::ranges::fill(mass, 0.0);
  constexpr double nothing = -std::numeric_limits<double>::infinity();
  const double seen_max = logits.empty() ? nothing : *std::ranges::max_element(logits);
  if (seen_max == nothing) return nothing;
  const double max = std::max(seen_max, sink);
  double sum = std::exp(sink - max);
  for (const double logit : logits) sum += std::exp(logit - max);
  for (std::size_t t = 0; t < logits.size(); ++t) {
    const double probability = std::exp(logits[t] - max) / sum;
    if (probability == 0.0) continue;  // a hidden token may hold anything, NaN included
    for (std::size_t d = 0; d < out.size(); ++d) {
      out[d] += probability * values[t][d];
      mass[d] += probability * std::abs(values[t][d]);
    }
  }
  return max + std::log(sum);
}

/// What a descale policy is asked about: a row of its own array, or a KV head.
template <class Descale> auto factor_index(const Descale& descale, int page, int slot, int kv_head) {
  if constexpr (Descale::by_token)
    return descale.strides.offset(page, slot, kv_head);
  else
    return kv_head;
}

/// One row of the result: the query token and head that `at` names, over the tokens of their request and KV head.
template <half_element Query>
void attend(const heads_view<const Query>& query, int query_row, const real_rows& keys, const real_rows& values,
            double softmax_scale, const variant& with, logit_position at, result& all) {
  const Query* stored = query.data + query_row * query.token_stride + at.head * query.head_stride;
  std::vector<double> q, logits;
  for (std::size_t d = 0; !keys.empty() && d < keys[0].size(); ++d) q.push_back(static_cast<float>(stored[d]));
  for (at.kv_position = 0; at.kv_position < std::ssize(keys); ++at.kv_position)
    logits.push_back(logit_of(q, keys[static_cast<std::size_t>(at.kv_position)], softmax_scale, with, at));
  const double sink = with.sinks != nullptr ? with.sinks[at.head] : -std::numeric_limits<double>::infinity();
  const std::size_t row = all.row(query_row, at.head);
  const std::span<double> out{all.out}, mass{all.mass};
  all.lse[row] = weigh(logits, sink, values, out.subspan(row * all.width(), all.width()),
                       mass.subspan(row * all.width(), all.width()));
}

/// out = softmax(variant(softmax_scale * Q K^T)) V for every query row of the batch, where K and V are the real numbers
/// stored * descale. Preconditions: the tables are right; query.heads is a multiple of kv.shape.kv_heads.
template <half_element Query, kv_element KV, page_layout Layout, class Descale>
result attention(const heads_view<const Query>& query, const paged_kv<KV, Layout, Descale>& kv,
                 const ragged_requests& requests, const query_tokens& queries, double softmax_scale,
                 const variant& with = {}) {
  const kv_shape& shape = kv.shape;
  const int group = query.heads / shape.kv_heads;
  result all{query.tokens, query.heads, shape.value_dim};
  for (int r = 0; r < requests.count; ++r) {
    const int first_row = queries.indptr != nullptr ? queries.indptr[r] : r * queries.per_request;
    const int query_count = queries.indptr != nullptr ? queries.indptr[r + 1] - first_row : queries.per_request;
    for (int g = 0; g < shape.kv_heads; ++g) {
      const auto keys = gather(kv.k, shape.page_size, shape.head_dim, requests, r, g, [&](int page, int slot) {
        return kv.descale.key_factor(factor_index(kv.descale, page, slot, g));
      });
      const auto values = gather(kv.v, shape.page_size, shape.value_dim, requests, r, g, [&](int page, int slot) {
        return kv.descale.value_factor(factor_index(kv.descale, page, slot, g));
      });
      const int length = static_cast<int>(keys.size());
      for (int head = g * group; head < (g + 1) * group; ++head)
        for (int j = 0; j < query_count; ++j)
          attend(query, first_row + j, keys, values, softmax_scale, with, {r, j, head, g, length - query_count + j, 0},
                 all);
    }
  }
  return all;
}

/// Joins states of the same rows over disjoint sets of tokens: what one call over all of the tokens would give. `mass`
/// becomes that of the sum over the states.
inline result merge_states(std::span<const result> parts) {
  result all{parts[0].tokens, parts[0].heads, parts[0].dim};
  const std::size_t width = all.width();
  for (std::size_t row = 0; row < all.rows(); ++row) {
    std::vector<double> lses;
    real_rows outs;
    for (const result& part : parts) {
      lses.push_back(part.lse[row]);
      const auto begin = part.out.begin() + static_cast<std::ptrdiff_t>(row * width);
      outs.emplace_back(begin, begin + part.dim);
    }
    const std::span<double> out{all.out}, mass{all.mass};
    all.lse[row] = weigh(lses, -std::numeric_limits<double>::infinity(), outs, out.subspan(row * width, width),
                         mass.subspan(row * width, width));
  }
  return all;
}

}  // namespace paragon::reference
