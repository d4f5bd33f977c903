// Lanes, waves and workgroups: who am I, exchange between lanes, barriers, and the last arriver of many workgroups.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "paragon/platform/platform.hpp"
#include "support/device_buffer.hpp"
#include "support/run_kernel.hpp"
#include "support/targets.hpp"

namespace wave_test {

namespace platform = paragon::platform;
using paragon_test::device_buffer;
using paragon_test::run_kernel;
using paragon_test::runs_here;

constexpr std::size_t size(int value) { return static_cast<std::size_t>(value); }

struct position {
  int lane, wave, workgroup, waves, workgroups;

  bool operator==(const position&) const = default;
};

template <class Target> struct positions_kernel {
  struct arguments {
    position* out;
  };
  using target = Target;
  static constexpr int max_waves = 4;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte*) {
    using wave = platform::wave_ops<Target::wave_size>;
    const int row = platform::workgroup() * wave::count() + wave::index();
    arguments.out[row * Target::wave_size + wave::lane()] = {wave::lane(), wave::index(), platform::workgroup(),
                                                             wave::count(), platform::workgroups()};
  }
};

TEST_CASE_TEMPLATE("every lane knows its place", Target, PARAGON_ALL_TARGETS) {
  if (!runs_here<Target>()) return;
  for (const int waves : {1, 3, 4}) {
    const int workgroups = 7;
    device_buffer<position> out(size(workgroups * waves * Target::wave_size));
    run_kernel<positions_kernel<Target>>(workgroups, waves, 0, {out.data()});
    std::vector<position> expected;
    for (int workgroup = 0; workgroup < workgroups; ++workgroup)
      for (int wave = 0; wave < waves; ++wave)
        for (int lane = 0; lane < Target::wave_size; ++lane)
          expected.push_back({lane, wave, workgroup, waves, workgroups});
    CHECK(out.download() == expected);
  }
}

// One wave: every lane passes values[lane] and reads from sources[lane].
template <class Target, class T> struct shuffle_kernel {
  struct arguments {
    const T* values;
    const int* sources;
    T* out;
  };
  using target = Target;
  static constexpr int max_waves = 1;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte*) {
    using wave = platform::wave_ops<Target::wave_size>;
    const int lane = wave::lane();
    arguments.out[lane] = wave::shuffle(arguments.values[lane], arguments.sources[lane]);
  }
};

template <class Target, class T> void check_shuffle() {
  std::vector<T> values(Target::wave_size);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(1000 - 13 * static_cast<int>(i));
  const device_buffer<T> device_values(values);
  std::vector<int> sources(values.size());
  for (const auto& [factor, offset] : {std::pair{1, 1}, std::pair{7, 3}, std::pair{0, Target::wave_size - 1}}) {
    for (int i = 0; i < Target::wave_size; ++i) sources[size(i)] = (factor * i + offset) % Target::wave_size;
    const device_buffer<int> device_sources(sources);
    device_buffer<T> out(values.size());
    run_kernel<shuffle_kernel<Target, T>>(1, 1, 0, {device_values.data(), device_sources.data(), out.data()});
    std::vector<T> expected;
    for (const int source : sources) expected.push_back(values[size(source)]);
    CHECK(out.download() == expected);
  }
}

TEST_CASE_TEMPLATE("shuffle reads any lane of the wave", Target, PARAGON_ALL_TARGETS) {
  if (!runs_here<Target>()) return;
  check_shuffle<Target, int>();
  check_shuffle<Target, float>();
  check_shuffle<Target, std::uint32_t>();
}

// out[mask * wave_size + lane]; two waves, of which the second has other values and writes behind the first.
template <class Target> struct shuffle_xor_kernel {
  struct arguments {
    float* out;
  };
  using target = Target;
  static constexpr int max_waves = 2;
  static constexpr int lanes = Target::wave_size;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte*) {
    using wave = platform::wave_ops<lanes>;
    exchange<lanes - 1>(static_cast<float>(wave::lane() + 100 * wave::index()),
                        arguments.out + wave::index() * lanes * lanes + wave::lane());
  }

  template <int Mask> static PARAGON_DEVICE void exchange(float value, float* out) {
    if constexpr (Mask > 0) {
      out[Mask * lanes] = platform::wave_ops<lanes>::template shuffle_xor<Mask>(value);
      exchange<Mask - 1>(value, out);
    }
  }
};

TEST_CASE_TEMPLATE("shuffle_xor exchanges by every mask", Target, PARAGON_ALL_TARGETS) {
  if (!runs_here<Target>()) return;
  constexpr int lanes = Target::wave_size;
  device_buffer<float> out(2 * lanes * lanes);
  run_kernel<shuffle_xor_kernel<Target>>(1, 2, 0, {out.data()});
  const std::vector<float> got = out.download();
  for (int wave = 0; wave < 2; ++wave) {
    for (int mask = 1; mask < lanes; ++mask) {
      CAPTURE(mask);
      std::vector<float> expected;
      for (int lane = 0; lane < lanes; ++lane) expected.push_back(static_cast<float>((lane ^ mask) + 100 * wave));
      const auto row = got.begin() + (wave * lanes + mask) * lanes;
      CHECK(std::vector<float>(row, row + lanes) == expected);
    }
  }
}

// Round i asks whether lane i of wave 1 is there; round wave_size asks for nothing.
template <class Target> struct any_kernel {
  struct arguments {
    int* out;
  };
  using target = Target;
  static constexpr int max_waves = 2;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte*) {
    constexpr int lanes = Target::wave_size;
    using wave = platform::wave_ops<lanes>;
    for (int round = 0; round <= lanes; ++round) {
      const bool found = wave::any(wave::index() == 1 && wave::lane() == round);
      arguments.out[(wave::index() * (lanes + 1) + round) * lanes + wave::lane()] = found ? 1 : 0;
    }
  }
};

TEST_CASE_TEMPLATE("any is true for the whole wave and no other", Target, PARAGON_ALL_TARGETS) {
  if (!runs_here<Target>()) return;
  constexpr int lanes = Target::wave_size;
  device_buffer<int> out(2 * (lanes + 1) * lanes);
  run_kernel<any_kernel<Target>>(1, 2, 0, {out.data()});
  std::vector<int> expected(2 * (lanes + 1) * lanes, 0);
  std::fill_n(expected.begin() + (lanes + 1) * lanes, lanes * lanes, 1);
  CHECK(out.download() == expected);
}

// In every round each lane reads what the next wave wrote to shared memory in this round.
template <class Target> struct barrier_kernel {
  struct arguments {
    int rounds;
    int* out;
  };
  using target = Target;
  static constexpr int max_waves = 4;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte* shared) {
    constexpr int lanes = Target::wave_size;
    using wave = platform::wave_ops<lanes>;
    int* values = reinterpret_cast<int*>(shared);
    const int self = wave::index() * lanes + wave::lane();
    const int next = (wave::index() + 1) % wave::count() * lanes + wave::lane();
    int sum = 0;
    for (int round = 1; round <= arguments.rounds; ++round) {
      values[self] = round * self;
      platform::barrier();
      sum += values[next];
      platform::barrier();
    }
    arguments.out[platform::workgroup() * wave::count() * lanes + self] = sum;
  }
};

TEST_CASE_TEMPLATE("a barrier lets waves read each other's shared memory", Target, PARAGON_ALL_TARGETS) {
  if (!runs_here<Target>()) return;
  constexpr int rounds = 5, workgroups = 6;
  for (const int waves : {1, 2, 4}) {
    const int lanes = waves * Target::wave_size;
    device_buffer<int> out(size(workgroups * lanes));
    run_kernel<barrier_kernel<Target>>(workgroups, waves, size(lanes) * sizeof(int), {rounds, out.data()});
    std::vector<int> expected;
    for (int i = 0; i < workgroups * lanes; ++i)
      expected.push_back((i + Target::wave_size) % lanes * (rounds * (rounds + 1) / 2));
    CHECK(out.download() == expected);
  }
}

// Every workgroup writes a partial sum from all its lanes; whoever has the last ticket waits for the others' sums and
// adds them all up. The first takes its time, so that there is something to wait for.
template <class Target> struct ticket_kernel {
  struct arguments {
    std::uint32_t* tickets;
    std::uint32_t* signals;
    int* partial;
    int* total;
    int* lasts;
  };
  using target = Target;
  static constexpr int max_waves = 2;

  static PARAGON_DEVICE void run(const arguments& arguments, std::byte* shared) {
    constexpr int lanes = Target::wave_size;
    using wave = platform::wave_ops<lanes>;
    auto* is_last = reinterpret_cast<int*>(shared);
    const int per_workgroup = wave::count() * lanes;
    const int self = wave::index() * lanes + wave::lane();
    if (self == 0) {
      const auto before = platform::take_ticket(arguments.tickets);
      *is_last = before + 1 == static_cast<std::uint32_t>(platform::workgroups()) ? 1 : 0;
      arguments.lasts[platform::workgroup()] = *is_last;
      if (platform::workgroup() == 0)
        for (int i = 0; i < 1 << 16; ++i) platform::take_ticket(arguments.tickets + 1);
    }
    platform::barrier();
    arguments.partial[platform::workgroup() * per_workgroup + self] = platform::workgroup() + self;
    platform::signal<wave>(arguments.signals);
    platform::barrier();
    if (*is_last == 0) return;
    if (self == 0)
      platform::await(arguments.signals, static_cast<std::uint32_t>(platform::workgroups() * wave::count()));
    platform::barrier();
    int sum = 0;
    for (int i = 0; i < platform::workgroups(); ++i) sum += arguments.partial[i * per_workgroup + self];
    arguments.total[self] = sum;
  }
};

TEST_CASE_TEMPLATE("one workgroup has the last ticket; it sees what all wrote who signalled", Target,
                   PARAGON_ALL_TARGETS) {
  if (!runs_here<Target>()) return;
  constexpr int workgroups = 200, waves = 2;
  constexpr int per_workgroup = waves * Target::wave_size;
  device_buffer<std::uint32_t> tickets(std::vector<std::uint32_t>{0, 0}), signals(std::vector<std::uint32_t>{0});
  device_buffer<int> partial(size(workgroups * per_workgroup)), total(size(per_workgroup)), lasts(size(workgroups));
  run_kernel<ticket_kernel<Target>>(workgroups, waves, sizeof(int),
                                    {tickets.data(), signals.data(), partial.data(), total.data(), lasts.data()});
  const std::vector<int> who = lasts.download();
  CHECK(std::accumulate(who.begin(), who.end(), 0) == 1);
  CHECK(tickets.download()[0] == std::uint32_t{workgroups});
  CHECK(signals.download()[0] == std::uint32_t{workgroups * waves});
  std::vector<int> expected;
  for (int i = 0; i < per_workgroup; ++i) expected.push_back(workgroups * (workgroups - 1) / 2 + workgroups * i);
  CHECK(total.download() == expected);
}

}  // namespace wave_test
