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
  float* states = reinterpret_cast<float*>(shared + Shape::notes_bytes);
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

/// What a workgroup keeps in front of its shared memory about the items that its share cuts: the one it starts inside
/// of, the one it ends inside of.
struct workgroup_notes {
  plan::joining items[2];
  int last[2];  ///< whether this workgroup was the last one to come to its node
};

/// Partial states of items that are cut between workgroups. A workgroup's share cuts at most two items: the one it
/// starts inside of (slot 0) and the one it ends inside of (slot 1), so memory is bounded by the number of workgroups.
///
/// The workgroups of an item form a tree (plan/joining.hpp). Each takes a ticket at its node when it has seen its last
/// token (`enlist`), while its waves still combine their states, and leaves the outcome in its slot (`hand_over`). The
/// one with the last ticket merges the node's states in the order of the workgroups, and goes on as the node's first
/// workgroup (`join`). Who that is does not matter for the result. It waits until the others' states are there, and for
/// nothing else: they are running, since they have tickets, and wait for nobody. Counters are left at zero.
template <class Shape> class partial_states {
  static constexpr int wave_size = Shape::lanes::wave_size;
  using wave = platform::wave_ops<wave_size>;

 public:
  PARAGON_DEVICE partial_states(const decode_scratch& scratch, const wave_grid& grid, const wave_role& role,
                                workgroup_notes& notes, int end)
      : scratch_{scratch},
        grid_{grid},
        role_{role},
        item_{platform::uniform(notes.items[end])},
        last_{notes.last[end]} {}

  /// Whether the calling lane is the one that keeps the workgroup's notes.
  static PARAGON_DEVICE bool first_lane() { return wave::index() == 0 && wave::lane() == 0; }

  /// In the workgroup's first lane: a ticket, to be noted before the barrier that precedes `hand_over`.
  PARAGON_DEVICE std::uint32_t enlist() const { return platform::take_ticket(&counters(leaf(), 0).tickets); }
  PARAGON_DEVICE void note(std::uint32_t ticket) const { note(leaf(), ticket); }

  /// Leaves the workgroup's part, held by token wave 0.
  PARAGON_DEVICE void hand_over(const running_state<Shape>& state) const {
    leave(state, platform::workgroup(), counters(leaf(), 0));
  }

  /// True in the workgroup that ends up with the whole, in token wave 0.
  PARAGON_DEVICE bool join(running_state<Shape>& state, std::byte* shared) const {
    if (last_ == 0) return false;
    const bool has_root = item_.parts() > item_.fan_in;
    const bool enlists = has_root && first_lane();
    std::uint32_t ticket = 0;
    if (enlists) ticket = platform::take_ticket(&counters(root(), 1).tickets);
    gather(state, leaf(), 0, shared);
    if (!has_root) return true;
    if (enlists) note(root(), ticket);
    platform::barrier();
    leave(state, item_.node, counters(root(), 1));  // the leaf's state is the root's part
    if (last_ == 0) return false;
    gather(state, root(), 1, shared);
    return true;
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

  PARAGON_DEVICE node_counters& counters(const node& n, int level) const {
    return scratch_.arrivals[level * 2 * platform::workgroups() + slot(n.begin)];
  }
  PARAGON_DEVICE void note(const node& n, std::uint32_t ticket) const {
    last_ = ticket + 1 == static_cast<std::uint32_t>(n.members()) ? 1 : 0;
  }

  /// Stores the state of a node's member, for whoever has the last ticket.
  PARAGON_DEVICE void leave(const running_state<Shape>& state, int member, node_counters& of_node) const {
    if (role_.token != 0) return;
    state.save(address(member));
    if (last_ == 0) platform::signal<wave>(&of_node.states);
  }

  /// The merged states of a node's workgroups in token wave 0, when the others have left theirs.
  PARAGON_DEVICE void gather(running_state<Shape>& state, const node& n, int level, std::byte* shared) const {
    if (first_lane()) {
      node_counters& of_node = counters(n, level);
      platform::await(&of_node.states, static_cast<std::uint32_t>((n.members() - 1) * grid_.places()));
      of_node = {};
    }
    platform::barrier();
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
  int& last_;
};

}  // namespace paragon
