#pragma once

#include <paragon/decode/arguments.hpp>
#include <paragon/decode/state.hpp>

namespace paragon {

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
/// Every workgroup that holds a piece of an item publishes its state and then arrives at the item's counter, that of
/// the first of them; the last to arrive merges all of them in the order of the workgroups and leaves the counter at
/// zero. Which one that is does not matter for the result.
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
        last_{plan::owner_of(units, platform::workgroups(), s.item_begin + s.item_tiles - 1)} {}

  /// Publishes the state of token wave 0; true in the workgroup that was the last of the item to do so.
  PARAGON_DEVICE bool publish(const running_state<Shape>& state, std::byte* shared) const {
    if (role_.token == 0) state.save(address(platform::workgroup()));
    int* is_last = reinterpret_cast<int*>(shared);
    platform::barrier();
    if (wave::index() == 0 && wave::lane() == 0)
      *is_last = platform::arrive(scratch_.arrivals + first_) == static_cast<std::uint32_t>(last_ - first_);
    platform::barrier();
    return *is_last != 0;
  }

  /// The item's whole state in token wave 0, from all that was published.
  PARAGON_DEVICE void gather(running_state<Shape>& state, std::byte* shared) const {
    if (wave::index() == 0 && wave::lane() == 0) scratch_.arrivals[first_] = 0;
    state.clear();
    PARAGON_UNROLL_BY(1)
    for (int workgroup = first_ + role_.token; workgroup <= last_; workgroup += grid_.token)
      state.merge(address(workgroup));
    combine_waves(state, grid_, role_, shared);
  }

 private:
  PARAGON_DEVICE float* address(int workgroup) const {
    const std::int64_t slot = std::int64_t{2} * workgroup + (workgroup == first_ ? 1 : 0);
    const int place = role_.column * grid_.slice + role_.slice;
    return scratch_.states + slot * Shape::state_floats(grid_) + place * (Shape::state_registers * wave_size);
  }

  const decode_scratch& scratch_;
  const wave_grid& grid_;
  const wave_role& role_;
  const int first_;
  const int last_;
};

}  // namespace paragon
