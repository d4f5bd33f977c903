#pragma once

#include <limits>
#include <support/batches.hpp>
#include <support/decode_case.hpp>
#include <tuple>
#include <utility>

/// The matrix of decode tests: types x head dims, each pair one kernel, and for each of them variant, descale policy,
/// layouts, group sizes and page sizes so chosen that every pair of values occurs (checked below by the compiler).
namespace paragon_test::matrix {

inline constexpr int types = 6;
inline constexpr int head_dims[] = {64, 80, 96, 112, 128, 192, 256, 512};
inline constexpr int groups[] = {1, 3, 4, 5, 7, 8, 12, 16, 32, 128};
inline constexpr int page_sizes[] = {1, 7, 16, 64};

/// A user's transform: favours some tokens, hides others.
struct favour_some {
  static constexpr int hidden_every = 5;
  static constexpr float hidden = -std::numeric_limits<float>::infinity();

  PARAGON_HD float operator()(float logit, const logit_position& at) const {
    if (at.kv_position % hidden_every == at.head % hidden_every) return hidden;
    return 0.5f * logit + 0.25f * static_cast<float>(at.kv_head - at.query_token);
  }
  static double exact(double logit, const reference::logit_position& at) {
    if (at.kv_position % hidden_every == at.head % hidden_every) return hidden;
    return 0.5 * logit + 0.25 * (at.kv_head - at.query_token);
  }
};
using variants = std::tuple<variant<>, variant<soft_cap>, variant<alibi>, variant<sliding_window>,
                            variant<attention_sinks>, variant<logits_transform<favour_some>>>;
using descales = std::tuple<per_tensor, per_tensor_on_device, per_head, per_token_head>;
using layouts = std::tuple<nhd, hnd>;

/// What is tested with type pair `type` and head dim number `dim`, in the case for page size number `page`.
struct cell {
  int type, dim, page;

  constexpr int variant() const { return (type + dim) % 6; }
  constexpr int descale() const { return (type + 2 * dim + 3 * (dim / 4)) % 4; }
  constexpr int layout() const { return (page + dim) % 2; }
  constexpr int group() const { return (dim + 3 * page + type / 2) % 10; }
};

/// Whether all pairs of values of two axes occur in the matrix.
template <class First, class Second>
constexpr bool covers(int first_count, int second_count, First first, Second second) {
  bool seen[16][16] = {};
  for (int t = 0; t < types; ++t)
    for (int d = 0; d < 8; ++d)
      for (int p = 0; p < 4; ++p) seen[first(cell{t, d, p})][second(cell{t, d, p})] = true;
  for (int i = 0; i < first_count; ++i)
    for (int j = 0; j < second_count; ++j)
      if (!seen[i][j]) return false;
  return true;
}
template <class... Axes> constexpr bool covers_all_pairs(std::pair<int, Axes>... axes) {
  const auto with_all = [&](auto axis) {
    return (
        (std::is_same_v<decltype(axis), decltype(axes)> || covers(axis.first, axes.first, axis.second, axes.second)) &&
        ...);
  };
  return (with_all(axes) && ...);
}
static_assert(covers_all_pairs(std::pair{types, [](cell c) { return c.type; }},
                               std::pair{8, [](cell c) { return c.dim; }}, std::pair{4, [](cell c) { return c.page; }},
                               std::pair{6, [](cell c) { return c.variant(); }},
                               std::pair{2, [](cell c) { return c.layout(); }},
                               std::pair{10, [](cell c) { return c.group(); }}),
              "a pair of types, head dims, page sizes, variants, layouts or group sizes is not tested");

/// The four cases of one kernel, one per page size.
template <class Query, class KV, int Type, int Dim> void run_kernel() {
  constexpr int variant_number = cell{Type, Dim, 0}.variant(), descale_number = cell{Type, Dim, 0}.descale();
  using variant_type = std::tuple_element_t<variant_number, variants>;
  using descale = std::conditional_t<fp8_element<KV>, std::tuple_element_t<descale_number, descales>, unscaled>;
  const auto run = [](const cell& c, auto layout) {
    using config = decode_config<Query, KV, decltype(layout), head_dims[Dim], descale, variant_type>;
    check_decode<config>([&](std::mt19937& random) {
      return ragged_batch(random, groups[c.group()], page_sizes[c.page], head_dims[Dim]);
    });
  };
  for (int page = 0; page < 4; ++page) {
    const cell c{Type, Dim, page};
    c.layout() == 0 ? run(c, nhd{}) : run(c, hnd{});
  }
}

/// All head dims of a type pair. Compilers for GPUs take long over a kernel: there a third of them stands for all, with
/// every head dim, type pair and variant among them.
template <class Query, class KV, int Type> void run_types() {
  const auto run_dim = []<int Dim>(std::integral_constant<int, Dim>) {
    if constexpr (PARAGON_PLATFORM_HOST == 1 || (Type + Dim / 2) % 3 == 0) run_kernel<Query, KV, Type, Dim>();
  };
  [&]<int... Dim>(std::integer_sequence<int, Dim...>) { (run_dim(std::integral_constant<int, Dim>{}), ...); }
  (std::make_integer_sequence<int, 8>{});
}

}  // namespace paragon_test::matrix
