#pragma once

#include <paragon/decode/tile_shape.hpp>

namespace paragon {

/// The running result of attention over some of the tokens of a wave's rows, in registers:
///   sum = sum_t 2^(logit_t - maximum + shift),   output = sum_t 2^(logit_t - maximum + shift) * V_t
/// with base-2 logits. Two states over disjoint tokens merge into the state over both.
template <class Shape> struct attention_state {
  using lanes = typename Shape::lanes;
  static constexpr int slots = lanes::column_slots;

  /// Below every logit, yet finite, so that differences of maxima are numbers.
  static constexpr float no_maximum = -1e30f;

  float maximum[Shape::column_blocks][slots];
  float sum[Shape::column_blocks][slots];
  mma::sum_fragment<lanes> output[Shape::column_blocks][Shape::output_tiles];

  PARAGON_DEVICE void clear() {
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      PARAGON_UNROLL
      for (int slot = 0; slot < slots; ++slot) {
        maximum[cb][slot] = no_maximum;
        sum[cb][slot] = 0.0f;
      }
      PARAGON_UNROLL
      for (int tile = 0; tile < Shape::output_tiles; ++tile) output[cb][tile] = {};
    }
  }

  /// Multiplies a column's sum and output.
  PARAGON_DEVICE void scale(int cb, const float (&factor)[slots]) {
    PARAGON_UNROLL
    for (int slot = 0; slot < slots; ++slot) sum[cb][slot] *= factor[slot];
    PARAGON_UNROLL
    for (int tile = 0; tile < Shape::output_tiles; ++tile) {
      PARAGON_UNROLL
      for (int r = 0; r < lanes::sums; ++r) output[cb][tile].value[r] *= factor[lanes::sum_slot(r)];
    }
  }

  /// Stores the state register by register, one word per lane each: `memory` holds state_registers * wave_size floats.
  PARAGON_DEVICE void save(float* memory) const {
    visit(
        memory, [](const float& mine, float& stored) { stored = mine; }, *this);
  }

  /// Merges a saved state into this one.
  PARAGON_DEVICE void merge(const float* memory) {
    attention_state other;
    visit(
        memory, [](float& mine, const float& stored) { mine = stored; }, other);
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      float mine[slots], theirs[slots];
      PARAGON_UNROLL
      for (int slot = 0; slot < slots; ++slot) {
        const float both = fmaxf(maximum[cb][slot], other.maximum[cb][slot]);
        mine[slot] = platform::exp2(maximum[cb][slot] - both);
        theirs[slot] = platform::exp2(other.maximum[cb][slot] - both);
        maximum[cb][slot] = both;
      }
      scale(cb, mine);
      add(other, cb, theirs);
    }
  }

 private:
  PARAGON_DEVICE void add(const attention_state& other, int cb, const float (&factor)[slots]) {
    PARAGON_UNROLL
    for (int slot = 0; slot < slots; ++slot) sum[cb][slot] += factor[slot] * other.sum[cb][slot];
    PARAGON_UNROLL
    for (int tile = 0; tile < Shape::output_tiles; ++tile) {
      PARAGON_UNROLL
      for (int r = 0; r < lanes::sums; ++r)
        output[cb][tile].value[r] += factor[lanes::sum_slot(r)] * other.output[cb][tile].value[r];
    }
  }

  /// Calls f(register, its place in memory) for all registers.
  template <class Memory, class F, class State> static PARAGON_DEVICE void visit(Memory* memory, F f, State& state) {
    memory += platform::wave_ops<lanes::wave_size>::lane();
    const auto next = [&](auto& value) {
      f(value, *memory);
      memory += lanes::wave_size;
    };
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      PARAGON_UNROLL
      for (int slot = 0; slot < slots; ++slot) {
        next(state.maximum[cb][slot]);
        next(state.sum[cb][slot]);
      }
      PARAGON_UNROLL
      for (int tile = 0; tile < Shape::output_tiles; ++tile) {
        PARAGON_UNROLL
        for (int r = 0; r < lanes::sums; ++r) next(state.output[cb][tile].value[r]);
      }
    }
  }
};

}  // namespace paragon
