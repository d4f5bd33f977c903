#pragma once

#include <cmath>
#include <limits>
#include <paragon/decode/tile_shape.hpp>

namespace paragon {

/// The logit of a token that is not seen, and the LSE of a row that sees none.
inline constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

/// The running result of attention over some of the tokens of a wave's rows, in registers:
///   sum = sum_t 2^(logit_t - maximum + shift),   output = sum_t 2^(logit_t - maximum + shift) * V_t
/// with base-2 logits. Two states over disjoint tokens merge into the state over both.
template <class Shape> struct running_state {
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
    memory += platform::wave_ops<lanes::wave_size>::lane();
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      PARAGON_UNROLL
      for (int slot = 0; slot < slots; ++slot) {
        memory[maximum_at(cb, slot)] = maximum[cb][slot];
        memory[sum_at(cb, slot)] = sum[cb][slot];
      }
      PARAGON_UNROLL
      for (int tile = 0; tile < Shape::output_tiles; ++tile) {
        PARAGON_UNROLL
        for (int r = 0; r < lanes::sums; ++r) memory[output_at(cb, tile, r)] = output[cb][tile].value[r];
      }
    }
  }

  /// Merges a saved state into this one.
  PARAGON_DEVICE void merge(const float* memory) {
    memory += platform::wave_ops<lanes::wave_size>::lane();
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      float mine[slots], theirs[slots];
      PARAGON_UNROLL
      for (int slot = 0; slot < slots; ++slot) {
        const float their_maximum = memory[maximum_at(cb, slot)];
        const float both = fmaxf(maximum[cb][slot], their_maximum);
        mine[slot] = platform::exp2(maximum[cb][slot] - both);
        theirs[slot] = platform::exp2(their_maximum - both);
        maximum[cb][slot] = both;
        sum[cb][slot] = mine[slot] * sum[cb][slot] + theirs[slot] * memory[sum_at(cb, slot)];
      }
      PARAGON_UNROLL
      for (int tile = 0; tile < Shape::output_tiles; ++tile) {
        // Loads in flight are registers: enough of them to cover the latency, not all at once.
        if (tile * lanes::sums % 32 == 0) platform::schedule_barrier();
        PARAGON_UNROLL
        for (int r = 0; r < lanes::sums; ++r) {
          float& value = output[cb][tile].value[r];
          value = mine[lanes::sum_slot(r)] * value + theirs[lanes::sum_slot(r)] * memory[output_at(cb, tile, r)];
        }
      }
    }
  }

 private:
  // Where registers lie in a saved state, from the lane's first word on: maximum and sum of every column slot, then the
  // output, per column block. Constants, so that one address serves all of them.
  static PARAGON_HD constexpr int word(int cb, int i) {
    return (cb * (Shape::state_registers / Shape::column_blocks) + i) * lanes::wave_size;
  }
  static PARAGON_HD constexpr int maximum_at(int cb, int slot) { return word(cb, 2 * slot); }
  static PARAGON_HD constexpr int sum_at(int cb, int slot) { return word(cb, 2 * slot + 1); }
  static PARAGON_HD constexpr int output_at(int cb, int tile, int r) {
    return word(cb, 2 * slots + tile * lanes::sums + r);
  }
};

}  // namespace paragon
