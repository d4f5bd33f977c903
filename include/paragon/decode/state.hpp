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
        for (int r = 0; r < lanes::sums; r += 4)
          store(memory, cb, piece_of(tile * lanes::sums + r), output[cb][tile].value + r);
      }
    }
  }

  PARAGON_DEVICE void load(const float* memory) {
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      const four columns = fetch(memory, cb, 0);
      PARAGON_UNROLL
      for (int slot = 0; slot < slots; ++slot) {
        maximum[cb][slot] = columns.value[2 * slot];
        PARAGON_UNROLL
        for (int kind = 0; kind < kinds; ++kind) sum[cb][slot][kind] = columns.value[sum_at(slot, kind)];
      }
      PARAGON_UNROLL
      for (int i = 0; i < outputs; ++i)
        output[cb][i / lanes::sums].value[i % lanes::sums] = fetch(memory, cb, piece_of(i)).value[i % 4];
    }
  }

  /// Merges saved states, each of which counts `weight` times. All are asked for before one is waited for.
  template <int Count> PARAGON_DEVICE void merge(const float* const (&saved)[Count], float weight = 1.0f) {
    PARAGON_UNROLL
    for (int cb = 0; cb < Shape::column_blocks; ++cb) {
      four columns[Count];
      PARAGON_UNROLL
      for (int n = 0; n < Count; ++n) columns[n] = fetch(saved[n], cb, 0);
      float factor[Count][slots];
      merge_columns(cb, columns, weight, factor);
      PARAGON_UNROLL
      for (int i = 0; i < outputs; i += 4) {
        // Loads in flight are registers: enough of them to cover the latency, not all at once.
        if (i > 0 && i % 32 == 0) platform::schedule_barrier();
        PARAGON_UNROLL
        for (int n = 0; n < Count; ++n) add_output(cb, i, factor[n], fetch(saved[n], cb, piece_of(i)));
      }
    }
  }

 private:
  struct alignas(16) four {
    float value[4];
  };

  /// Raises the maxima to those of saved states, adds their sums, and finds what their outputs are to be multiplied
  /// with.
  template <int Count>
  PARAGON_DEVICE void merge_columns(int cb, const four (&columns)[Count], float weight, float (&factor)[Count][slots]) {
    float own[slots];
    PARAGON_UNROLL
    for (int slot = 0; slot < slots; ++slot) {
      float highest = maximum[cb][slot];
      PARAGON_UNROLL
      for (const four& of_state : columns) highest = fmaxf(highest, of_state.value[2 * slot]);
      own[slot] = platform::exp2(maximum[cb][slot] - highest);
      maximum[cb][slot] = highest;
    }
    scale(cb, own);
    PARAGON_UNROLL
    for (int n = 0; n < Count; ++n) {
      PARAGON_UNROLL
      for (int slot = 0; slot < slots; ++slot) {
        factor[n][slot] = weight * platform::exp2(columns[n].value[2 * slot] - maximum[cb][slot]);
        PARAGON_UNROLL
        for (int kind = 0; kind < kinds; ++kind)
          sum[cb][slot][kind] += factor[n][slot] * columns[n].value[sum_at(slot, kind)];
      }
    }
  }
  PARAGON_DEVICE void add_output(int cb, int first, const float (&factor)[slots], const four& values) {
    PARAGON_UNROLL
    for (int i = 0; i < 4; ++i) {
      const int r = (first + i) % lanes::sums;
      output[cb][(first + i) / lanes::sums].value[r] += factor[lanes::sum_slot(r)] * values.value[i];
    }
  }

  static_assert(slots * kinds <= 2, "maxima and sums of a column block are one piece");
  static PARAGON_HD constexpr int sum_at(int slot, int kind) { return 2 * (slot + kind) + 1; }

  // Per column block, a piece of maxima and sums and then the output's. Constants, so that one address serves all.
  static constexpr int outputs = Shape::output_tiles * lanes::sums;
  static PARAGON_HD constexpr int piece_of(int output) { return 1 + output / 4; }
  static PARAGON_HD constexpr int place(int cb, int piece) {
    return (cb * (Shape::state_registers / Shape::column_blocks / 4) + piece) * lanes::wave_size;
  }
  static PARAGON_DEVICE four fetch(const float* memory, int cb, int piece) {
    return reinterpret_cast<const four*>(memory)[platform::wave_ops<lanes::wave_size>::lane_again() + place(cb, piece)];
  }
  static PARAGON_DEVICE void store(float* memory, int cb, int piece, const float* values) {
    reinterpret_cast<four*>(memory)[platform::wave_ops<lanes::wave_size>::lane_again() + place(cb, piece)] = {
        {values[0], values[1], values[2], values[3]}};
  }
};

}  // namespace paragon
