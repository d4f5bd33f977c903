#pragma once

#include <algorithm>
#include <bit>
#include <numeric>
#include <paragon/mma/mma.hpp>

namespace paragon {

/// How the waves of a workgroup share its work: `token` waves take a tile's tokens in turn, `column` waves its query
/// rows, `head` waves neighbouring KV heads, and `slice` waves parts of the value dims. Heads come before tokens where
/// there are several: rows of neighbouring heads are neighbours in memory (NHD), and DRAM is fastest when they are read
/// together. Waves by token and by head are powers of two, given as their logarithms: GPUs have no instruction that
/// divides, and what a wave does is asked for more than once.
struct wave_grid {
  int token_bits;
  int column;
  int head_bits;
  int slice;

  PARAGON_HD constexpr int token() const { return 1 << token_bits; }
  PARAGON_HD constexpr int head() const { return 1 << head_bits; }
  PARAGON_HD constexpr int places() const { return (column << head_bits) * slice; }
  PARAGON_HD constexpr int waves() const { return places() << token_bits; }
};

/// What a wave does in its workgroup:  wave = ((column * tokens + token) * heads + head) * slices + slice.
struct wave_role {
  int token;
  int column;
  int head;
  int slice;

  /// The wave's number among those of the same tokens.
  PARAGON_DEVICE int place(const wave_grid& grid) const {
    return ((column << grid.head_bits) + head) * grid.slice + slice;
  }
};

/// How keys and values get from memory into matrix operands.
enum class tile_path {
  registers,  ///< loaded into registers, the next tile while this one is multiplied
  rolling,    ///< loaded into registers, the next tile's keys when this one's have been multiplied, then its values;
              ///< queries that do not fit beside them lie in shared memory
  shared,     ///< copied to shared memory by hardware, the next tile while this one is multiplied
  streamed    ///< values as above, keys block by block through a few registers; queries in shared memory
};

/// Everything about a kernel's tiles that is known at compile time: the one source of launch geometry for planner,
/// launcher, occupancy query and workspace.
///
/// A wave works on sub-tiles of 16 tokens. A lane takes `key_load` bytes at a time of the tokens of its index, for the
/// depth group it belongs to (key blocks), and `value_run` consecutive dims of each of `depth_per_lane` tokens (value
/// blocks): both are the operands of the atom as they lie in memory, or in a stage.
///
/// `Plain` says that the kernel neither maps logits nor has factors per token, which take registers of their own.
template <class Target, class Fragment, kv_element KV, int HeadDim, int ValueDim, int ColumnBlocks, bool Plain>
struct tile_shape {
  using target = Target;
  using atom = mma::atom<Target, Fragment>;
  using element = typename atom::element;
  using lanes = typename atom::lanes;

  static constexpr int bytes = sizeof(KV);
  static constexpr int column_blocks = ColumnBlocks;
  static constexpr int block_columns = [] {  ///< query rows per column block
    if constexpr (lanes::terms > 1)
      return atom::terms_type::distinct_columns;
    else
      return lanes::columns;
  }();
  static constexpr int columns = block_columns * ColumnBlocks;  ///< query rows per wave
  /// Whether a wave may take two column blocks: eight rows leave a wave little to do with what it has loaded, and where
  /// a lane has four sums of a product there are registers for twice as many.
  static constexpr bool may_double = block_columns == 8 && lanes::sums == 4;
  /// The wave's query row that a column of B belongs to.
  static PARAGON_HD constexpr int row_of(int column_block, int column) {
    return column_block * block_columns + column % block_columns;
  }

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

  // A staged tile: rows of 16-byte pieces in shared memory.
  static constexpr int key_pieces = HeadDim * bytes / 16;
  static constexpr int value_pieces = ValueDim * bytes / 16;
  static constexpr int stages = 2;
  static constexpr int stage_bytes = 16 * 16 * (key_pieces + value_pieces);
  static constexpr int staged_bytes = stages * stage_bytes;  ///< per wave

 private:
  // 32-bit registers per lane, by what they hold.
  static constexpr int sum_registers = column_blocks * output_tiles * lanes::sums;
  static constexpr int query_registers = column_blocks * key_blocks * key_run * static_cast<int>(sizeof(element)) / 4;
  static constexpr int tile_registers = (key_blocks * key_run * lanes::rows_per_lane +
                                         value_blocks * value_run * lanes::depth_per_lane / lanes::score_tiles) *
                                        bytes / 4;
  /// Registers up to which a wave takes 32 tokens at a time. Where rows of 16 lanes look for the tokens that each of
  /// them has values of, these are no more than 16.
  static constexpr int two_sub_tiles = !Target::counts_loads                                  ? 128
                                       : 2 * lanes::depth_per_lane / lanes::score_tiles <= 16 ? 96
                                                                                              : 0;
  static constexpr bool converts = sizeof(element) != sizeof(KV);
  static constexpr bool fits_without_query(int sub_tiles, int budget) {
    constexpr int tiles = Target::counts_loads ? 1 : 2;
    return sum_registers + tiles * sub_tiles * tile_registers <= budget;
  }
  static constexpr bool fits(int sub_tiles, int budget) {
    return fits_without_query(sub_tiles, budget - query_registers);
  }
  /// Copies move 16 bytes. 16-bit elements gain by them where 16 waves find room, or where registers have none for a
  /// second tile; in between, registers are as good (docs/performance.md).
  static constexpr bool stages_fit = platform::async_copies<Target>::available && HeadDim % 16 == 0 &&
                                     ValueDim % 16 == 0 && slices == 1 && sum_registers + query_registers <= 128 &&
                                     staged_bytes <= 32 * 1024 &&
                                     (bytes == 1 || staged_bytes <= 8 * 1024 || !fits(1, 192));

 public:
  /// The limits leave room, of 256 registers, for all that a loop has besides: where they are, no kernel spills. Where
  /// half a row is in a lane (RDNA 4), converting it takes more of them.
  static constexpr bool query_in_registers =
      stages_fit || fits(lanes::score_tiles, !Target::counts_loads            ? 192
                                             : converts && lanes::groups == 2 ? 144
                                                                              : 160);
  static constexpr tile_path path = [] {
    if (stages_fit) return tile_path::shared;
    // Where lanes hold whole rows (RDNA 3), a query takes as many registers as keys, and very long ones are not
    // converted.
    const bool fits_alone =
        lanes::groups == 1 && !(converts && HeadDim > 384) && fits_without_query(lanes::score_tiles, Plain ? 192 : 176);
    if (Target::counts_loads && (query_in_registers || fits_alone)) return tile_path::rolling;
    return query_in_registers ? tile_path::registers : tile_path::streamed;
  }();
  static constexpr int sub_tiles = path != tile_path::shared && fits(2, two_sub_tiles) ? 2 : lanes::score_tiles;
  static constexpr int operand_tiles = sub_tiles / lanes::score_tiles;  ///< of probabilities
  static constexpr int wave_tokens = 16 * sub_tiles;

  /// Words of a partial state per lane: maximum and sum of at most two columns, and the output sums.
  static constexpr int state_registers = column_blocks * (4 + output_tiles * lanes::sums);
  static constexpr int query_bytes = query_in_registers ? 0
                                                        : lanes::columns * ColumnBlocks * key_blocks * key_block *
                                                              int{sizeof(element)};  ///< per column wave
  /// Shared memory in front of all else. A whole line, so that stages begin at lines: a copy whose row crosses one is
  /// fetched in pieces.
  static constexpr int notes_bytes = 128;

  /// Waves that a compute unit is to hold: bounds the registers of each.
  static constexpr int resident_waves =
      (path == tile_path::shared && sum_registers + query_registers <= 64) ||
              (path == tile_path::rolling && Plain && !converts && column_blocks == 1 && fits(sub_tiles, 80))
          ? 16
          : 8;
  /// Whether a query fits beside a tile's keys as it comes from memory: then it is set while the first are under way.
  static constexpr bool query_beside_keys =
      query_in_registers &&
      key_blocks * key_run * (2 * column_blocks + sub_tiles * bytes) / 4 <= (resident_waves == 16 ? 48 : 96);
  /// As many as shared memory has room for: the larger the workgroups, the fewer partial states there are to join.
  static constexpr int usual_waves = path != tile_path::shared                          ? 4
                                     : resident_waves == 16 && staged_bytes <= 8 * 1024 ? 8
                                     : staged_bytes <= 16 * 1024                        ? 4
                                                                                        : 2;
  static constexpr int max_waves = path == tile_path::shared ? usual_waves : 8;
  static constexpr int max_column_waves = std::min(
      max_waves / slices, query_bytes == 0 ? max_waves : (Target::lds_bytes - notes_bytes) / std::max(query_bytes, 1));

  /// Neighbouring heads up to 256 bytes of a token are enough for DRAM; more of them make more partial states of fewer
  /// tokens each.
  static constexpr int most_heads = HeadDim * bytes < 256 && query_in_registers ? 2 : 1;

  /// The waves for a given number of query rows per (request, KV head).
  static constexpr wave_grid grid(int rows, int kv_heads) {
    const int column = std::clamp((rows + columns - 1) / columns, 1, max_column_waves);
    const int left =
        std::max(1, static_cast<int>(std::bit_floor(static_cast<unsigned>(usual_waves / (column * slices)))));
    // Powers of two, so that the divisor is one as well.
    const int head = std::gcd(std::min(left, most_heads), kv_heads);
    const auto bits = [](int power) { return std::countr_zero(static_cast<unsigned>(power)); };
    return {bits(left / head), column, bits(head), slices};
  }
  static PARAGON_DEVICE wave_role role(const wave_grid& g, int wave) {
    const int head = wave / slices, token = head >> g.head_bits;
    return {token & (g.token() - 1), token >> g.token_bits, head & (g.head() - 1), wave % slices};
  }
  static constexpr int rows_per_pass(const wave_grid& g) { return g.column * columns; }
  static constexpr int tile_bits(const wave_grid& g) { return g.token_bits + std::countr_zero(unsigned{wave_tokens}); }
  static constexpr int state_bytes = state_registers * lanes::wave_size * static_cast<int>(sizeof(float));
  /// Floats of one workgroup's partial state of one item.
  static PARAGON_HD constexpr int state_floats(const wave_grid& g) {
    return g.places() * state_registers * lanes::wave_size;
  }
  /// Partial states from memory that a wave merges at a time: each costs a trip, unless there are registers for two.
  static constexpr int merged_at_once = Target::counts_loads && column_blocks == 1 ? 2 : 1;
  /// Of a second level of joins, in quarters of a tile's time: the shorter that is, the more of them.
  static constexpr int level_time = wave_tokens * (HeadDim + ValueDim) * bytes > 4096 ? 9 : 18;
  /// States that waves hand each other at a time: so many that shared memory holds the waves of a compute unit.
  static PARAGON_HD constexpr int states_handed(const wave_grid& g) {
    constexpr int room = (Target::lds_bytes * usual_waves / resident_waves - notes_bytes) / state_bytes;
    const int all = g.token() / 2 * g.places();
    return path != tile_path::rolling || all < room ? all : room > 1 ? room : 1;
  }
  /// Stages come last, `ring_offset` bytes behind the start. The query and the states that waves hand each other are
  /// never alive together.
  static PARAGON_HD constexpr int ring_offset(const wave_grid& g) {
    const int states = states_handed(g) * state_bytes;
    const int queries = g.column * query_bytes;
    return notes_bytes + (queries > states ? queries : states);
  }
  static constexpr std::size_t shared_bytes(const wave_grid& g) {
    const int ring = path == tile_path::shared ? g.waves() * staged_bytes : 0;
    return static_cast<std::size_t>(ring_offset(g) + ring);
  }
};

}  // namespace paragon
