#pragma once

#include <concepts>
#include <cstdint>
#include <paragon/view/row_checks.hpp>
#include <paragon/view/rows.hpp>
#include <type_traits>

namespace paragon {

/// The result of attention over some of the tokens: outputs [tokens, heads, dim] of float, bf16 or fp16 and the
/// log-sum-exp [tokens, heads] of their logits. T is const for states that are read.
template <class T, bool Base2> struct attention_state {
  heads_view<T> out;
  lse_view<Base2> lse;
};

/// `count` states of the same extents in memory: state i lies i * out_stride and i * lse_stride elements behind the
/// first. From tensors [count, tokens, heads, dim] and [count, tokens, heads], say.
template <class T, bool Base2> struct attention_state_stack {
  attention_state<T, Base2> first;
  int count;
  std::int64_t out_stride;
  std::int64_t lse_stride;
};

/// What outputs of attention states may be.
template <class T>
concept state_element = std::same_as<T, float> || half_element<T>;

namespace detail {

/// A row of a state.
template <class T> struct state_row {
  const T* out;
  float lse;
};

template <class T, bool Base2>
PARAGON_DEVICE state_row<T> row_of(const attention_state<const T, Base2>& state, std::int64_t token, int head) {
  return {state.out.data + token * state.out.token_stride + head * state.out.head_stride,
          state.lse.data[token * state.lse.token_stride + head * state.lse.head_stride]};
}

template <class T, bool Base2> struct two_states {
  attention_state<const T, Base2> states[2];

  PARAGON_HD int count() const { return 2; }
  PARAGON_DEVICE state_row<T> row(int i, std::int64_t token, int head) const { return row_of(states[i], token, head); }
};

template <class T, bool Base2> struct stacked_states {
  attention_state_stack<const T, Base2> stack;

  PARAGON_HD int count() const { return stack.count; }
  PARAGON_DEVICE state_row<T> row(int i, std::int64_t token, int head) const {
    attention_state<const T, Base2> state = stack.first;
    state.out.data += i * stack.out_stride;
    state.lse.data += i * stack.lse_stride;
    return row_of(state, token, head);
  }
};

/// Every team of threads joins one row, state by state in their order.
template <int Run, class States, class Out, bool Base2> struct merge_kernel {
  struct arguments {
    States states;
    attention_state<Out, Base2> merged;
    int dim;
    int lanes;
  };
  using target = target::any;
  static constexpr int max_waves = row_waves;
  static constexpr std::size_t shared_bytes = 0;

  static PARAGON_DEVICE void run(const arguments& a, std::byte*) {
    const row_team team = row_team::mine(a.lanes, platform::workgroup());
    const heads_view<Out>& out = a.merged.out;
    const std::int64_t token = team.token(out.heads);
    const int head = team.head(out.heads);
    if (token >= out.tokens) return;

    float largest = empty;
    for (int i = 0; i < a.states.count(); ++i) {
      const float lse = a.states.row(i, token, head).lse;
      if (lse > largest) largest = lse;
    }
    float sum = 0.0f;
    for (int i = 0; i < a.states.count(); ++i) sum += weight(a.states.row(i, token, head).lse, largest);
    const float share = sum == 0.0f ? 0.0f : 1.0f / sum;

    Out* to = out.data + token * out.token_stride + head * out.head_stride;
    for (int d = team.lane * Run; d < a.dim; d += team.lanes * Run) {
      float total[Run] = {};
      for (int i = 0; i < a.states.count(); ++i) {
        const auto row = a.states.row(i, token, head);
        const float w = weight(row.lse, largest);
        if (w == 0.0f) continue;  // what an empty state holds may be anything
        float run[Run];
        load_run(row.out + d, run);
        PARAGON_UNROLL
        for (int k = 0; k < Run; ++k) total[k] += w * run[k];
      }
      PARAGON_UNROLL
      for (float& x : total) x *= share;
      store_run(to + d, total);
    }
    if (team.lane == 0)
      a.merged.lse.data[token * a.merged.lse.token_stride + head * a.merged.lse.head_stride] =
          sum == 0.0f ? empty : largest + platform::log2(sum) * lse_view<Base2>::unit;
  }

 private:
  static constexpr float empty = -infinity;

  /// e^(lse - largest), or 2^ of it in base 2; 0 for an empty state even if all are.
  static PARAGON_DEVICE float weight(float lse, float largest) {
    return lse == empty ? 0.0f : platform::exp2((lse - largest) * (1.0f / lse_view<Base2>::unit));
  }
};

/// The same state or stack, read-only.
template <class T, bool Base2>
attention_state<const std::remove_const_t<T>, Base2> as_const(const attention_state<T, Base2>& state) {
  const heads_view<T>& out = state.out;
  return {{out.data, out.tokens, out.heads, out.token_stride, out.head_stride}, state.lse};
}

template <class T, bool Base2>
status check_state(const attention_state<T, Base2>& state, int dim, const char* outs, const char* lses) {
  const heads_view<T>& out = state.out;
  const heads_view<float> lse{state.lse.data, out.tokens, out.heads, state.lse.token_stride, state.lse.head_stride};
  const status check = check_rows(out, dim, outs);
  return check ? check_rows(lse, 1, lses) : check;
}

template <class States, class Out, bool Base2>
status launch_merge(const States& states, const attention_state<Out, Base2>& merged, int dim, bool aligned,
                    platform::stream stream) {
  const auto launch = [&]<int Run>(std::integral_constant<int, Run>) {
    const int lanes = row_lanes(dim, Run);
    const std::int64_t rows = std::int64_t{merged.out.tokens} * merged.out.heads;
    return launch_rows<merge_kernel<Run, States, Out, Base2>>(row_workgroups(rows, lanes), stream,
                                                              {states, merged, dim, lanes});
  };
  const bool vectors = aligned && runs_are_aligned(merged.out) && dim % run_elements == 0;
  return vectors ? launch(std::integral_constant<int, run_elements>{}) : launch(std::integral_constant<int, 1>{});
}

template <bool... Base2> constexpr void one_base() {
  static_assert((... && Base2) || (... && !Base2),
                "the log-sum-exps of all states and of the result must have the same base: all lse_base2 or all "
                "lse_natural");
}

}  // namespace detail

/// Joins attention over two disjoint sets of tokens (a shared prefix and a rest, the parts that two GPUs hold) into
/// attention over both:
///   out = sum_i w_i out_i / sum_i w_i,  w_i = e^(lse_i - m),  lse = m + log sum_i w_i,  m = max_i lse_i,
/// in the base that the type of the LSE says. The order is fixed: the same inputs give the same bits. An empty state,
/// lse = -inf, is not read and may hold anything; if all are empty the result is zeros and -inf. A NaN or +inf LSE
/// gives NaN. `dim` is the head dim of the outputs, at least 1. The result must not overlap the states.
///
/// Errors: null_pointer; bad_shape (extents that disagree or are too small); bad_stride; grid_limit; platform_error.
template <class T, class U, class Out, bool BaseA, bool BaseB, bool BaseOut>
requires(state_element<std::remove_const_t<T>>&& std::same_as<const T, const U>&& state_element<Out>)  //
    status merge_states(const attention_state<T, BaseA>& a, const attention_state<U, BaseB>& b,
                        const attention_state<Out, BaseOut>& merged, int dim, platform::stream stream) {
  detail::one_base<BaseA, BaseB, BaseOut>();
  for (const status& check : {detail::check_state(a, dim, "the first outputs", "the first LSEs"),
                              detail::check_state(b, dim, "the second outputs", "the second LSEs"),
                              detail::check_state(merged, dim, "the merged outputs", "the merged LSEs"),
                              detail::check_same_rows(a.out, "the first outputs", merged.out, "the merged outputs"),
                              detail::check_same_rows(b.out, "the second outputs", merged.out, "the merged outputs")})
    if (!check) return check;
  if constexpr (BaseA == BaseB && BaseB == BaseOut) {
    const detail::two_states<std::remove_const_t<T>, BaseA> states{{detail::as_const(a), detail::as_const(b)}};
    const bool aligned = detail::runs_are_aligned(a.out) && detail::runs_are_aligned(b.out);
    return detail::launch_merge(states, merged, dim, aligned, stream);
  }
  return status::success();
}

/// The same for any number of states in one stack, [count, tokens, heads, dim].
template <class T, class Out, bool Base2, bool BaseOut>
requires(state_element<std::remove_const_t<T>>&& state_element<Out>)  //
    status merge_states(const attention_state_stack<T, Base2>& states, const attention_state<Out, BaseOut>& merged,
                        int dim, platform::stream stream) {
  detail::one_base<Base2, BaseOut>();
  if (states.count < 1)
    return status::failure(status_code::bad_shape, "a stack of %d states; at least 1 is allowed", states.count);
  for (const status& check :
       {detail::check_state(states.first, dim, "the outputs", "the LSEs"),
        detail::check_state(merged, dim, "the merged outputs", "the merged LSEs"),
        detail::check_same_rows(states.first.out, "the outputs", merged.out, "the merged outputs")})
    if (!check) return check;
  if constexpr (Base2 == BaseOut) {
    const detail::stacked_states<std::remove_const_t<T>, Base2> stack{
        {detail::as_const(states.first), states.count, states.out_stride, states.lse_stride}};
    const bool aligned = detail::runs_are_aligned(states.first.out) && states.out_stride % detail::run_elements == 0;
    return detail::launch_merge(stack, merged, dim, aligned, stream);
  }
  return status::success();
}

}  // namespace paragon
