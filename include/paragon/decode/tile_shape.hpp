#pragma once

#include <algorithm>
#include <bit>
#include <paragon/mma/mma.hpp>

namespace paragon {

/// How the waves of a workgroup share a tile: `token` waves take its tokens in turn, `column` waves its query rows, and
/// `slice` waves parts of the value dims. Wave w has the role  w = (token_wave * column + column_wave) * slice +
/// slice_wave.
struct wave_grid {
  int token;
  int column;
  int slice;

  PARAGON_HD constexpr int waves() const { return token * column * slice; }
};

/// Everything about a kernel's tiles that is known at compile time: the one source of launch geometry for planner,
/// launcher, occupancy query and workspace.
///
/// A wave works on sub-tiles of 16 tokens. A lane loads `key_load` bytes at a time of the tokens of its index, for the
/// depth group it belongs to (key blocks), and `value_run` consecutive dims of each of `depth_per_lane` tokens (value
/// blocks): both loads give the operands of the atom without passing through shared memory.
template <class Target, half_element Element, kv_element KV, int HeadDim, int ValueDim, int ColumnBlocks>
struct tile_shape {
  using target = Target;
  using atom = mma::atom<Target, Element>;
  using lanes = typename atom::lanes;

  static constexpr int bytes = sizeof(KV);
  static constexpr int column_blocks = ColumnBlocks;
  static constexpr int columns = lanes::columns * ColumnBlocks;  ///< query rows per wave

  static constexpr int key_load = HeadDim * bytes % 16 == 0 ? 16 : 8;
  static constexpr int key_run = std::max(key_load / bytes, lanes::depth_per_lane);  ///< dims per lane and block
  static constexpr int key_block = lanes::groups * key_run;
  static constexpr int key_blocks = (HeadDim + key_block - 1) / key_block;
  static constexpr int key_steps = key_run / lanes::depth_per_lane;  ///< multiplications per block

  static constexpr int slice_dims = (lanes::wave_size == 64 || lanes::columns == 8 ? 256 : 128) / ColumnBlocks;
  static constexpr int slices = (ValueDim + slice_dims - 1) / slice_dims;
  /// At least four, so that a run of any output type is stored whole; at most one load, and no wider than a slice.
  static constexpr int value_run =
      std::clamp(static_cast<int>(std::bit_floor(unsigned{ValueDim} / lanes::index_lanes)), 4,
                 std::min((ValueDim * bytes % 16 == 0 ? 16 : 8) / bytes, slice_dims / lanes::index_lanes));
  static constexpr int value_load = value_run * bytes;
  static constexpr int value_block = lanes::index_lanes * value_run;
  static constexpr int value_blocks =
      ((ValueDim + value_block - 1) / value_block + slices - 1) / slices;  ///< per slice
  static constexpr int output_tiles = value_blocks * value_run / lanes::rows_per_lane;

 private:
  // 32-bit registers per lane, by what they hold.
  static constexpr int sum_registers = column_blocks * output_tiles * lanes::sums;
  static constexpr int query_registers = column_blocks * key_blocks * key_run / 2;
  static constexpr int tile_registers =
      (key_blocks * key_run * lanes::rows_per_lane + value_blocks * value_run * lanes::depth_per_lane) * bytes / 4;
  static constexpr bool fits(int sub_tiles, int budget) {
    return sum_registers + query_registers + 2 * sub_tiles * tile_registers <= budget;
  }

 public:
  /// Resident: the query stays in registers and the next tile is loaded while this one is multiplied. Otherwise the
  /// query lies in shared memory and keys are streamed through a few registers.
  static constexpr bool resident = fits(1, 192);
  static constexpr int sub_tiles = fits(2, lanes::wave_size == 64 ? 192 : 128) ? 2 : 1;
  static constexpr int wave_tokens = 16 * sub_tiles;

  /// Registers of a partial state per lane: maximum and sum per column, and the output sums.
  static constexpr int state_registers = column_blocks * (2 * lanes::column_slots + output_tiles * lanes::sums);
  static constexpr int query_bytes = resident ? 0 : columns * key_blocks * key_block * 2;  ///< per column wave
  static constexpr int flag_bytes = 16;  ///< shared memory in front of all else

  static constexpr int max_waves = 8;
  static constexpr int max_column_waves = std::min(
      max_waves / slices, query_bytes == 0 ? max_waves : (Target::lds_bytes - flag_bytes) / std::max(query_bytes, 1));

  /// The waves for a given number of query rows per (request, KV head).
  static constexpr wave_grid grid(int rows) {
    const int column = std::clamp((rows + columns - 1) / columns, 1, max_column_waves);
    const int token = std::max(1, static_cast<int>(std::bit_floor(static_cast<unsigned>(4 / (column * slices)))));
    return {token, column, slices};
  }
  static constexpr int rows_per_pass(const wave_grid& g) { return g.column * columns; }
  static constexpr int tile_tokens(const wave_grid& g) { return g.token * wave_tokens; }
  /// Floats of one workgroup's partial state of one item.
  static PARAGON_HD constexpr int state_floats(const wave_grid& g) {
    return g.column * g.slice * state_registers * lanes::wave_size;
  }
  /// The query and the states that waves hand each other are never alive together.
  static constexpr std::size_t shared_bytes(const wave_grid& g) {
    const int states = g.token / 2 * state_floats(g) * static_cast<int>(sizeof(float));
    return static_cast<std::size_t>(flag_bytes + std::max(g.column * query_bytes, states));
  }
};

}  // namespace paragon
