#pragma once

#include <cmath>
#include <numbers>
#include <paragon/decode/query.hpp>
#include <paragon/decode/state.hpp>

namespace paragon {

/// Online softmax of a wave's columns in base 2: turns score tiles into probabilities relative to the running maximum.
///
/// fp16 probabilities are multiplied by 2^15, so that the largest is 32768 and those down to 2^-29 of it stay normal
/// numbers (gfx90a's matrix unit takes subnormals for zero), fp8 terms by as much as they allow; the factor
/// cancels between output and sum.
template <class Traits, class Shape> class online_softmax {
  using lanes = typename Shape::lanes;
  using wave = platform::wave_ops<lanes::wave_size>;
  using item_type = item_view<Traits, Shape>;
  using state_type = running_state<Shape>;
  static constexpr bool by_token = Traits::descale::by_token;
  static constexpr bool maps_logits = Traits::variant::maps_logits;

 public:
  using scores_type = mma::sum_fragment<lanes>[Shape::sub_tiles][Shape::column_blocks];
  static constexpr float shift = [] {
    if constexpr (lanes::terms > 1)
      return static_cast<float>(Shape::atom::terms_type::largest);
    else
      return std::is_same_v<typename Shape::element, fp16> ? 15.0f : 0.0f;
  }();
  /// Whether outputs are divided by the sum of the probabilities as they are multiplied, not as they are: two terms of
  /// fp8 are so coarse that what they lose of many equal probabilities would show; it cancels against this sum.
  static constexpr bool sums_products = state_type::kinds == 2 && !by_token;

  PARAGON_DEVICE void begin(const item_type& item, const query_tile<Traits, Shape>& query) {
    float factor = item.arguments().softmax_scale;
    if constexpr (!by_token) factor *= item.arguments().descale.key_factor(item.kv_head);
    if constexpr (!maps_logits) factor *= std::numbers::log2e_v<float>;
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      PARAGON_UNROLL
      for (int slot = 0; slot < lanes::column_slots; ++slot) {
        row_[cb][slot] = item.row(Shape::row_of(cb, lanes::column(wave::lane_again(), slot)));
        visible_[cb][slot] = item.visible(row_[cb][slot].token);
        factor_[cb][slot] = factor * query.unscale(cb, slot);
      }
    }
  }

  /// Scores become probabilities; the state is rescaled if a maximum grew, and its sums take the probabilities in.
  PARAGON_DEVICE void absorb(const item_type& item, int token, scores_type& scores, state_type& state) const {
    token_factors values{};
    to_logits(item, token, scores, values);
    if (!item.all_visible(token, Shape::wave_tokens)) mask(token, scores);
    raise_maximum(scores, values, state);
    to_probabilities(scores, values, state);
  }

 private:
  /// V factors of the tokens of a lane's sums, under a policy that varies by token.
  struct token_factors {
    float value[by_token ? Shape::sub_tiles : 1][by_token ? lanes::sums : 1];
  };

  static PARAGON_DEVICE int token_of(int token, int s, int r) {
    return token + 16 * s + lanes::sum_index(wave::lane_again(), r) + lanes::index_lanes * lanes::sum_sub_row(r);
  }

  PARAGON_DEVICE void to_logits(const item_type& item, int token, scores_type& scores, token_factors& values) const {
    PARAGON_UNROLL
    for (int s = 0; s < Shape::sub_tiles; ++s) {
      PARAGON_UNROLL
      for (int r = 0; r < lanes::sums; ++r) {
        float key_factor = 1.0f;
        if constexpr (by_token) {
          const auto row = item.descale_row(item.locate(token_of(token, s, r)));
          key_factor = item.arguments().descale.key_factor(row);
          values.value[s][r] = item.arguments().descale.value_factor(row);
        }
        PARAGON_UNROLL
        for (int cb = 0; cb < Shape::column_blocks; ++cb) {
          float& x = scores[s][cb].value[r];
          x *= factor_[cb][lanes::sum_slot(r)];
          if constexpr (lanes::terms > 1) x = Shape::atom::terms_type::join(x);
          if constexpr (by_token) x *= key_factor;
          if constexpr (maps_logits) x = mapped(item, x, cb, lanes::sum_slot(r), token_of(token, s, r));
        }
      }
    }
  }
  PARAGON_DEVICE float mapped(const item_type& item, float logit, int cb, int slot, int token) const {
    const auto& row = row_[cb][slot];
    const logit_position at{.request = item.request,
                            .query_token = row.token,
                            .head = row.head,
                            .kv_head = item.kv_head,
                            .query_position = item.query_position(row.token),
                            .kv_position = token};
    return item.arguments().variant.map_logit(logit, at) * std::numbers::log2e_v<float>;
  }

  PARAGON_DEVICE void mask(int token, scores_type& scores) const {
    PARAGON_UNROLL
    for (int s = 0; s < Shape::sub_tiles; ++s) {
      PARAGON_UNROLL
      for (int cb = 0; cb < Shape::column_blocks; ++cb) {
        PARAGON_UNROLL
        for (int r = 0; r < lanes::sums; ++r) {
          const auto& seen = visible_[cb][lanes::sum_slot(r)];
          const int t = token_of(token, s, r);
          if (t < seen.begin || t >= seen.end) scores[s][cb].value[r] = minus_infinity;
        }
      }
    }
  }

  /// A token's bound on log2(probability * V factor): with factors per token, the maximum runs over the products, so
  /// that these, not the probabilities, stay within the fragment's range.
  static PARAGON_DEVICE float bound(float logit, const token_factors& values, int s, int r) {
    if constexpr (by_token) {
      const int exponent = static_cast<int>(platform::bits_of(values.value[s][r]) >> 23) - 126;
      return logit + static_cast<float>(exponent);
    } else {
      return logit;
    }
  }

  static PARAGON_DEVICE void raise_maximum(const scores_type& logits, const token_factors& values, state_type& state) {
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      float largest[lanes::column_slots];
      bool grew = false;
      PARAGON_UNROLL
      for (int slot = 0; slot < lanes::column_slots; ++slot) {
        largest[slot] = state.maximum[cb][slot];
        PARAGON_UNROLL
        for (int s = 0; s < Shape::sub_tiles; ++s) {
          PARAGON_UNROLL
          for (int r = 0; r < lanes::sums; ++r)
            if (lanes::sum_slot(r) == slot)
              largest[slot] = fmaxf(largest[slot], bound(logits[s][cb].value[r], values, s, r));
        }
        grew |= largest[slot] > state.maximum[cb][slot];
      }
      // A lane asks for its own tokens; only where one of them raises a maximum do the lanes of the column agree on it.
      if (!wave::any(grew)) continue;
      float factor[lanes::column_slots];
      PARAGON_UNROLL
      for (int slot = 0; slot < lanes::column_slots; ++slot) {
        const float raised = lanes::fold_column(largest[slot], [](float x, float y) { return fmaxf(x, y); });
        factor[slot] = platform::exp2(state.maximum[cb][slot] - raised);
        state.maximum[cb][slot] = raised;
      }
      state.scale(cb, factor);
    }
  }

  static PARAGON_DEVICE void to_probabilities(scores_type& logits, const token_factors& values, state_type& state) {
    PARAGON_UNROLL
    for (int s = 0; s < Shape::sub_tiles; ++s) {
      PARAGON_UNROLL
      for (int cb = 0; cb < Shape::column_blocks; ++cb) {
        PARAGON_UNROLL
        for (int r = 0; r < lanes::sums; ++r) {
          const int slot = lanes::sum_slot(r);
          float& x = logits[s][cb].value[r];
          x = platform::exp2(x - (state.maximum[cb][slot] - shift));
          state.sum[cb][slot][0] += x;
          if constexpr (by_token) x *= values.value[s][r];
        }
      }
    }
  }

  typename item_type::query_row row_[Shape::column_blocks][lanes::column_slots];
  typename item_type::token_range visible_[Shape::column_blocks][lanes::column_slots];
  float factor_[Shape::column_blocks][lanes::column_slots];
};

}  // namespace paragon
