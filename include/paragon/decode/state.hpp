#pragma once

#include <cmath>
#include <limits>
#include <paragon/decode/tile_shape.hpp>

namespace paragon {

/// The logit of a token that is not seen, and the LSE of a row that sees none.
inline constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

/// The running result of attention over some of the tokens of a wave's rows, in registers:
///   sum = sum_t 2^(logit_t - maximum + shift),   output = sum_t 2^(logit_t - maximum + shift) * V_t
/// with base-2 logits. Where probabilities are multiplied as two terms (mma/split.hpp), there is a second sum, of
/// these. Two states over disjoint tokens merge into the state over both.
template <class Shape> struct running_state {
  using lanes = typename Shape::lanes;
  static constexpr int slots = lanes::column_slots;
  static constexpr int kinds = lanes::terms == 2 ? 2 : 1;  ///< of sums

  /// Below every logit, yet finite, so that differences of maxima are numbers.
  static constexpr float no_maximum = -1e30f;

  float maximum[Shape::column_blocks][slots];
  float sum[Shape::column_blocks][slots][kinds];
  mma::sum_fragment<lanes> output[Shape::column_blocks][Shape::output_tiles];

  PARAGON_DEVICE void clear() {
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      PARAGON_UNROLL
      for (int slot = 0; slot < slots; ++slot) {
        maximum[cb][slot] = no_maximum;
        PARAGON_UNROLL
        for (float& of_kind : sum[cb][slot]) of_kind = 0.0f;
      }
      PARAGON_UNROLL
      for (int tile = 0; tile < Shape::output_tiles; ++tile) output[cb][tile] = {};
    }
  }

  /// Multiplies a column's sum and output.
  PARAGON_DEVICE void scale(int cb, const float (&factor)[slots]) {
    PARAGON_UNROLL
    for (int slot = 0; slot < slots; ++slot) {
      PARAGON_UNROLL
      for (float& of_kind : sum[cb][slot]) of_kind *= factor[slot];
    }
    PARAGON_UNROLL
    for (int tile = 0; tile < Shape::output_tiles; ++tile) {
      PARAGON_UNROLL
      for (int r = 0; r < lanes::sums; ++r) output[cb][tile].value[r] *= factor[lanes::sum_slot(r)];
    }
  }

  /// Stores the state, 16 bytes per lane at a time: `memory` holds state_registers * wave_size floats and is aligned to
  /// 16 bytes.
  PARAGON_DEVICE void save(float* memory) const {
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      float columns[4] = {};
      PARAGON_UNROLL
      for (int slot = 0; slot < slots; ++slot) {
        columns[2 * slot] = maximum[cb][slot];
        PARAGON_UNROLL
        for (int kind = 0; kind < kinds; ++kind) columns[sum_at(slot, kind)] = sum[cb][slot][kind];
      }
      store(memory, cb, 0, columns);
      PARAGON_UNROLL
      for (int tile = 0; tile < Shape::output_tiles; ++tile) {
        PARAGON_UNROLL
        for (int r = 0; r < lanes::sums; r += 4) store(memory, cb, piece_of(tile, r), output[cb][tile].value + r);
      }
    }
  }

  /// Merges a saved state into this one.
  PARAGON_DEVICE void merge(const float* memory) {
    raise_maximum(memory);
    add(memory);
  }

  /// Raises the maxima to those of a saved state.
  PARAGON_DEVICE void raise_maximum(const float* memory) {
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      const four columns = load(memory, cb, 0);
      float factor[slots];
      PARAGON_UNROLL
      for (int slot = 0; slot < slots; ++slot) {
        const float both = fmaxf(maximum[cb][slot], columns.value[2 * slot]);
        factor[slot] = platform::exp2(maximum[cb][slot] - both);
        maximum[cb][slot] = both;
      }
      scale(cb, factor);
    }
  }

  /// Adds the tokens of a saved state. Precondition: its maxima are not above this one's.
  PARAGON_DEVICE void add(const float* memory) {
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      const four columns = load(memory, cb, 0);
      float factor[slots];
      PARAGON_UNROLL
      for (int slot = 0; slot < slots; ++slot) {
        factor[slot] = platform::exp2(columns.value[2 * slot] - maximum[cb][slot]);
        PARAGON_UNROLL
        for (int kind = 0; kind < kinds; ++kind)
          sum[cb][slot][kind] += factor[slot] * columns.value[sum_at(slot, kind)];
      }
      PARAGON_UNROLL
      for (int tile = 0; tile < Shape::output_tiles; ++tile) {
        // Loads in flight are registers: enough of them to cover the latency, not all at once.
        if (tile * lanes::sums % 32 == 0) platform::schedule_barrier();
        PARAGON_UNROLL
        for (int r = 0; r < lanes::sums; r += 4) {
          const four values = load(memory, cb, piece_of(tile, r));
          PARAGON_UNROLL
          for (int i = 0; i < 4; ++i) output[cb][tile].value[r + i] += factor[lanes::sum_slot(r + i)] * values.value[i];
        }
      }
    }
  }

 private:
  struct alignas(16) four {
    float value[4];
  };

  static_assert(slots * kinds <= 2, "maxima and sums of a column block are one piece");
  static PARAGON_HD constexpr int sum_at(int slot, int kind) { return 2 * (slot + kind) + 1; }

  // Per column block, a piece of maxima and sums and then the output's. Constants, so that one address serves all.
  static PARAGON_HD constexpr int piece_of(int tile, int r) { return 1 + (tile * lanes::sums + r) / 4; }
  static PARAGON_HD constexpr int place(int cb, int piece) {
    return (cb * (Shape::state_registers / Shape::column_blocks / 4) + piece) * lanes::wave_size;
  }
  static PARAGON_DEVICE four load(const float* memory, int cb, int piece) {
    return reinterpret_cast<const four*>(memory)[platform::wave_ops<lanes::wave_size>::lane_again() + place(cb, piece)];
  }
  static PARAGON_DEVICE void store(float* memory, int cb, int piece, const float* values) {
    reinterpret_cast<four*>(memory)[platform::wave_ops<lanes::wave_size>::lane_again() + place(cb, piece)] = {
        {values[0], values[1], values[2], values[3]}};
  }
};

}  // namespace paragon
