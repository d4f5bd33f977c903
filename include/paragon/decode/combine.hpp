#pragma once

#include <paragon/decode/arguments.hpp>
#include <paragon/decode/state.hpp>

namespace paragon {

/// Merges the states of a workgroup's token waves into those of token wave 0, pairwise through shared memory, as many
/// at a time as that has room for. All waves call it; shared memory is free again only after the next barrier.
template <class Shape>
PARAGON_DEVICE void combine_waves(running_state<Shape>& state, const wave_grid& grid, const wave_role& role,
                                  std::byte* shared) {
  constexpr int state_floats = Shape::state_registers * Shape::lanes::wave_size;
  float* states = reinterpret_cast<float*>(shared + Shape::flag_bytes);
  const int places = grid.places(), at_once = Shape::states_handed(grid);
  PARAGON_UNROLL_BY(1)
  for (int half = grid.token() / 2; half > 0; half /= 2) {
    const int pair = (role.token & (half - 1)) * places + role.place(grid);  // token waves are a power of two
    PARAGON_UNROLL_BY(1)
    for (int first = 0; first < half * places; first += at_once) {
      const bool mine = pair >= first && pair < first + at_once;
      float* memory = states + (pair - first) * state_floats;
      platform::barrier();
      if (mine && role.token >= half && role.token < 2 * half) state.save(memory);
      platform::barrier();
      if (mine && role.token < half) state.merge({memory});
    }
  }
}

/// Partial states of items that are cut between workgroups. A workgroup's share cuts at most two items: the one it
/// starts inside of (slot 0) and the one it ends inside of (slot 1), so memory is bounded by the number of workgroups.
///
/// The workgroups of an item form a tree (plan/joining.hpp). Each leaves its state in its slot and arrives at its node
/// (`hand_over`); the last to arrive merges the node's states in the order of the workgroups, and goes on as the node's
/// first workgroup (`join`). Who that is does not matter for the result, and nobody waits: whether a workgroup was last
/// it needs to know only when its share is done. Counters are left at zero.
template <class Shape> class partial_states {
  static constexpr int wave_size = Shape::lanes::wave_size;
  using wave = platform::wave_ops<wave_size>;

 public:
  PARAGON_DEVICE partial_states(const decode_scratch& scratch, const wave_grid& grid, const wave_role& role,
                                const plan::joining& item)
      : scratch_{scratch}, grid_{grid}, role_{role}, item_{item} {}

  /// Leaves the workgroup's part, held by token wave 0. What one lane notes, in shared memory, is for the same lane's
  /// `join`.
  PARAGON_DEVICE void hand_over(const running_state<Shape>& state, std::uint32_t* note) const {
    if (role_.token == 0) state.save(address(platform::workgroup()));
    if (leaf().members() > 1) arrive(leaf(), 0, note);
  }

  /// True in the workgroup that ends up with the whole, in token wave 0.
  PARAGON_DEVICE bool join(std::uint32_t* note, running_state<Shape>& state, std::byte* shared) const {
    bool merged = false;
    PARAGON_UNROLL_BY(1)
    for (int step = 1, level = 0; step < item_.parts(); step *= item_.fan_in, ++level) {
      const node n = level == 0 ? leaf() : root();
      if (n.members() == 1) continue;
      if (level > 0) arrive(n, level, note);
      if (!is_last(note, n, level, shared)) return false;
      gather(state, n, shared);
      merged = true;
      // The leaf's state is the root's part.
      if (level == 0 && root().members() > 1 && role_.token == 0) state.save(address(item_.node));
    }
    return merged;
  }

 private:
  /// Workgroups begin, begin + step, ... before `end`.
  struct node {
    int begin;
    int end;
    int step;

    /// Divides at the root alone.
    PARAGON_DEVICE int members() const { return step == 1 ? end - begin : (end - begin + step - 1) / step; }
  };
  PARAGON_DEVICE node leaf() const {
    const int end = item_.node + item_.fan_in;
    return {item_.node, end < item_.end ? end : item_.end, 1};
  }
  PARAGON_DEVICE node root() const { return {item_.begin, item_.end, item_.fan_in}; }

  PARAGON_DEVICE std::uint32_t* counter(const node& n, int level) const {
    return scratch_.arrivals + (level * 2 * platform::workgroups() + slot(n.begin));
  }
  /// One lane of the workgroup notes how many arrived before.
  PARAGON_DEVICE void arrive(const node& n, int level, std::uint32_t* note) const {
    platform::complete_stores();
    platform::barrier();
    if (wave::index() == 0 && wave::lane() == 0) *note = platform::arrive(counter(n, level));
  }
  /// True in all waves of the workgroup that arrived last.
  PARAGON_DEVICE bool is_last(const std::uint32_t* note, const node& n, int level, std::byte* shared) const {
    int* last = reinterpret_cast<int*>(shared);
    platform::barrier();
    if (wave::index() == 0 && wave::lane() == 0) {
      *last = *note + 1 == static_cast<std::uint32_t>(n.members());
      if (*last != 0) *counter(n, level) = 0;
    }
    platform::barrier();
    return *last != 0;
  }

  /// The merged states of a node's workgroups in token wave 0.
  PARAGON_DEVICE void gather(running_state<Shape>& state, const node& n, std::byte* shared) const {
    const int step = n.step << grid_.token_bits;
    int member = n.begin + role_.token * n.step;
    state.clear();
    if constexpr (Shape::merged_at_once == 2) {
      for (; member < n.end; member += 2 * step) {
        // An odd one is taken twice, each time for half.
        const bool two = member + step < n.end;
        state.merge({address(member), address(two ? member + step : member)}, two ? 1.0f : 0.5f);
      }
    } else {
      if (member < n.end) state.load(address(member));
      for (member += step; member < n.end; member += step) state.merge({address(member)});
    }
    combine_waves(state, grid_, role_, shared);
  }

  PARAGON_DEVICE int slot(int workgroup) const { return 2 * workgroup + (workgroup == item_.begin ? 1 : 0); }
  PARAGON_DEVICE float* address(int workgroup) const {
    return scratch_.states + std::int64_t{slot(workgroup)} * Shape::state_floats(grid_) +
           role_.place(grid_) * (Shape::state_registers * wave_size);
  }

  const decode_scratch& scratch_;
  const wave_grid& grid_;
  const wave_role& role_;
  const plan::joining item_;
};

}  // namespace paragon
