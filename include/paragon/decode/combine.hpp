#pragma once

#include <paragon/decode/arguments.hpp>
#include <paragon/decode/state.hpp>

namespace paragon {

/// States merged by one node of the tree in which partial states join, and the levels that this takes at most.
inline constexpr int fan_in = 16;
inline constexpr int tree_levels = 4;  // up to 65536 workgroups

/// What a wave does in its workgroup, after `wave_grid`.
struct wave_role {
  int token;
  int column;
  int slice;

  PARAGON_DEVICE wave_role(const wave_grid& grid, int wave)
      : token{wave / (grid.column * grid.slice)}, column{wave / grid.slice % grid.column}, slice{wave % grid.slice} {}
};

/// Merges the states of a workgroup's token waves into those of token wave 0, pairwise through shared memory. All waves
/// call it; shared memory is free again only after the next barrier.
template <class Shape>
PARAGON_DEVICE void combine_waves(running_state<Shape>& state, const wave_grid& grid, const wave_role& role,
                                  std::byte* shared) {
  constexpr int state_floats = Shape::state_registers * Shape::lanes::wave_size;
  float* states = reinterpret_cast<float*>(shared + Shape::flag_bytes);
  const int place = role.column * grid.slice + role.slice, places = grid.column * grid.slice;
  PARAGON_UNROLL_BY(1)
  for (int half = grid.token / 2; half > 0; half /= 2) {
    platform::barrier();
    if (role.token >= half && role.token < 2 * half)
      state.save(states + ((role.token - half) * places + place) * state_floats);
    platform::barrier();
    if (role.token < half) state.merge(states + (role.token * places + place) * state_floats);
  }
}

/// Partial states of items that are cut between workgroups. A workgroup's share cuts at most two items: the one it
/// starts inside of (slot 0) and the one it ends inside of (slot 1), so memory is bounded by the number of workgroups.
///
/// The workgroups of an item form a tree of fixed shape, `fan_in` neighbours to a node. Each leaves its state in its
/// slot and arrives at its node; the last to arrive merges the node's states in the order of the workgroups, and goes
/// on as the node's first workgroup. Who that is does not matter for the result, and nobody waits. Counters are left at
/// zero.
template <class Shape> class partial_states {
  static constexpr int wave_size = Shape::lanes::wave_size;
  using wave = platform::wave_ops<wave_size>;

 public:
  PARAGON_DEVICE partial_states(const decode_scratch& scratch, const wave_grid& grid, const wave_role& role,
                                std::int64_t units, const plan::segment& s)
      : scratch_{scratch},
        grid_{grid},
        role_{role},
        first_{plan::owner_of(units, platform::workgroups(), s.item_begin)},
        end_{plan::owner_of(units, platform::workgroups(), s.item_begin + s.item_tiles - 1) + 1} {}

  /// Hands over the workgroup's part, in token wave 0; true in the workgroup that ends up with the whole.
  PARAGON_DEVICE bool join(running_state<Shape>& state, std::byte* shared) const {
    int self = platform::workgroup();
    PARAGON_UNROLL_BY(1)
    for (int step = 1, level = 0; step < end_ - first_; step *= fan_in, ++level) {
      const int begin = self - (self - first_) % (step * fan_in);
      const int end = begin + step * fan_in < end_ ? begin + step * fan_in : end_;
      const int members = (end - begin + step - 1) / step;
      if (members == 1) continue;
      if (role_.token == 0) state.save(address(self));
      std::uint32_t* counter = scratch_.arrivals + (level * 2 * platform::workgroups() + slot(begin));
      if (!is_last(counter, members, shared)) return false;
      gather(state, begin, end, step, shared);
      self = begin;
    }
    return true;
  }

 private:
  /// True in all waves of the workgroup that arrives last.
  static PARAGON_DEVICE bool is_last(std::uint32_t* counter, int members, std::byte* shared) {
    int* last = reinterpret_cast<int*>(shared);
    platform::barrier();
    if (wave::index() == 0 && wave::lane() == 0) {
      *last = platform::arrive(counter) + 1 == static_cast<std::uint32_t>(members);
      if (*last != 0) *counter = 0;
    }
    platform::barrier();
    return *last != 0;
  }

  /// The merged states of workgroups begin, begin + step, ... in token wave 0.
  PARAGON_DEVICE void gather(running_state<Shape>& state, int begin, int end, int step, std::byte* shared) const {
    state.clear();
    PARAGON_UNROLL_BY(1)
    for (int workgroup = begin + role_.token * step; workgroup < end; workgroup += grid_.token * step)
      state.merge(address(workgroup));
    combine_waves(state, grid_, role_, shared);
  }

  PARAGON_DEVICE int slot(int workgroup) const { return 2 * workgroup + (workgroup == first_ ? 1 : 0); }
  PARAGON_DEVICE float* address(int workgroup) const {
    const int place = role_.column * grid_.slice + role_.slice;
    return scratch_.states + std::int64_t{slot(workgroup)} * Shape::state_floats(grid_) +
           place * (Shape::state_registers * wave_size);
  }

  const decode_scratch& scratch_;
  const wave_grid& grid_;
  const wave_role& role_;
  const int first_;
  const int end_;  ///< past the last workgroup
};

}  // namespace paragon
