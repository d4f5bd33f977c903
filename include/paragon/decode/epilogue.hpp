#pragma once

#include <cmath>
#include <paragon/decode/combine.hpp>
#include <paragon/decode/softmax.hpp>

namespace paragon {

/// Writes a finished state: divides by the sum (attention sinks included), applies the V descale, converts, stores runs
/// of consecutive dims; and the LSE.
template <class Traits, class Shape> class epilogue {
  using lanes = typename Shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;
  using item_type = item_view<Traits, Shape>;
  using out = typename Traits::out;
  using softmax_type = online_softmax<Traits, Shape>;
  static constexpr float shift = softmax_type::shift;
  static constexpr bool has_sinks = Traits::variant::template has<attention_sinks>;

 public:
  static PARAGON_DEVICE void write(const item_type& item, running_state<Shape>& state, int slice) {
    if constexpr (lanes::terms > 1) join_terms(state);
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      // Both columns are finished before one is written: their chains of arithmetic run side by side.
      finished_row rows[lanes::column_slots];
      PARAGON_UNROLL
      for (int slot = 0; slot < lanes::column_slots; ++slot) rows[slot] = finish_row(item, state, cb, slot);
      PARAGON_UNROLL
      for (int slot = 0; slot < lanes::column_slots; ++slot) {
        const finished_row& row = rows[slot];
        if (!row.exists) continue;
        write_row(state, cb, slot, slice, row.result.factor,
                  item.arguments().out.data +
                      (row.token * item.arguments().out.token_stride + row.head * item.arguments().out.head_stride));
        if (slice == 0) write_lse(item.arguments().lse, row.token, row.head, row.result.lse);
      }
    }
    wave::converge();
  }

 private:
  static PARAGON_DEVICE void join_terms(running_state<Shape>& state) {
    using terms = typename Shape::atom::terms_type;
    PARAGON_UNROLL
    for (auto& block : state.output) {
      PARAGON_UNROLL
      for (auto& sums : block) {
        PARAGON_UNROLL
        for (float& value : sums.value) value = terms::join(value * terms::weight());
      }
    }
  }

  struct denominator {
    float factor;  ///< from the state's output to the result
    float lse;     ///< base 2
  };

  struct finished_row {
    bool exists;  ///< inside of the outputs, whatever the tables hold
    std::int64_t token;
    int head;
    denominator result;
  };
  static PARAGON_DEVICE finished_row finish_row(const item_type& item, const running_state<Shape>& state, int cb,
                                                int slot) {
    const int column = lanes::column(wave::lane_again(), slot);
    const int number = Shape::row_of(cb, column);
    const auto row = item.row(number);
    const std::int64_t token = std::int64_t{item.lengths.query_begin} + row.token;
    const bool exists =
        column < Shape::block_columns && item.has_row(number) && token >= 0 && token < item.arguments().out.tokens;
    return {exists, token, row.head, finish(item, state.maximum[cb][slot], state.sum[cb][slot], row.head)};
  }

  static PARAGON_DEVICE denominator finish(const item_type& item, float maximum,
                                           const float (&sums)[running_state<Shape>::kinds], int head) {
    const float sum = sums[0];
    if (!(sum > 0.0f) && !std::isnan(sum)) return {0.0f, minus_infinity};
    const float divisor = sums[softmax_type::sums_products ? 1 : 0];
    float factor = item.arguments().out_factor;
    if constexpr (!Traits::descale::by_token) factor *= item.arguments().descale.value_factor(item.kv_head);
    if constexpr (has_sinks) {
      const auto& sinks = static_cast<const attention_sinks&>(item.arguments().variant);
      const float logit = sinks.logits[head] * std::numbers::log2e_v<float>;
      const float both = fmaxf(maximum, logit);
      const float rescale = platform::exp2(maximum - both), sink = platform::exp2(logit - both + shift);
      return {factor * rescale / (divisor * rescale + sink), both + platform::log2(sum * rescale + sink) - shift};
    } else {
      return {factor / divisor, maximum + platform::log2(sum) - shift};
    }
  }

  /// One column of the lane's sums. Sums of one index lane are `value_run` consecutive dims per value block.
  static PARAGON_DEVICE void write_row(const running_state<Shape>& state, int cb, int slot, int slice, float factor,
                                       out* row) {
    PARAGON_UNROLL
    for (int r = 0; r < lanes::sums; ++r) {
      if (lanes::sum_slot(r) != slot || lanes::sum_sub_row(r) != 0) continue;
      const int first_dim =
          slice * Shape::value_blocks * Shape::value_block + lanes::sum_index(wave::lane_again(), r) * Shape::value_run;
      PARAGON_UNROLL
      for (int vb = 0; vb < Shape::value_blocks; ++vb) {
        const int dim = first_dim + vb * Shape::value_block;
        if (dim < Traits::value_dim) write_run(state, cb, r, vb, factor, row + dim);
      }
    }
  }
  static PARAGON_DEVICE void write_run(const running_state<Shape>& state, int cb, int r, int vb, float factor,
                                       out* to) {
    constexpr int sub_row_step = lanes::sums / lanes::rows_per_lane;  // distance of sums that differ in the sub-row
    out run[Shape::value_run];
    PARAGON_UNROLL
    for (int x = 0; x < Shape::value_run; ++x) {
      const int tile = (vb * Shape::value_run + x) / lanes::rows_per_lane;
      const float value = state.output[cb][tile].value[r + x % lanes::rows_per_lane * sub_row_step];
      run[x] = to_output(factor == 0.0f ? 0.0f : value * factor);
    }
    store_run(run, to);
  }
  static PARAGON_DEVICE out to_output(float value) {
    if constexpr (std::is_same_v<out, float>)
      return value;
    else
      return platform::convert<out>(value);
  }
  static PARAGON_DEVICE void store_run(const out (&run)[Shape::value_run], out* to) {
    constexpr int bytes = sizeof(run);
    constexpr int piece = bytes % 16 == 0 ? 16 : bytes % 8 == 0 ? 8 : 4;
    platform::words<piece> pieces[bytes / piece];
    __builtin_memcpy(pieces, run, bytes);
    PARAGON_UNROLL
    for (int i = 0; i < bytes / piece; ++i)
      platform::store<piece>(reinterpret_cast<std::byte*>(to) + i * piece, pieces[i]);
  }

  static PARAGON_DEVICE void write_lse(const any_lse& lse, std::int64_t token, int head, float value) {
    if (lse.data != nullptr) lse.data[token * lse.token_stride + head * lse.head_stride] = value * lse.unit;
  }
};

}  // namespace paragon
