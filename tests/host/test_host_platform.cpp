// What only the host platform promises: poisoned shared memory, workgroups in order and at the same time, and an end
// with a message where a GPU's behaviour would be undefined.

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "paragon/platform/platform.hpp"
#include "support/run_kernel.hpp"

namespace host_platform_test {

namespace platform = paragon::platform;
namespace target = paragon::target;
using paragon_test::run_kernel;

// The first lane counts the bytes that are not poison; then all lanes overwrite them.
template <class Target> struct poison_kernel {
  struct arguments {
    int bytes;
    int* clean;
  };
  using target = Target;
  static constexpr int max_waves = 2;

  static void run(const arguments& arguments, std::byte* shared) {
    using wave = platform::wave_ops<Target::wave_size>;
    if (wave::lane() == 0 && wave::index() == 0) {
      int& clean = arguments.clean[platform::workgroup()];
      for (int i = 0; i < arguments.bytes; ++i) clean += shared[i] != std::byte{0xff};
    }
    platform::barrier();
    for (int i = wave::lane(); i < arguments.bytes; i += Target::wave_size) shared[i] = std::byte{0};
  }
};

TEST_CASE_TEMPLATE("shared memory is poison at the start of every workgroup", Target, target::cdna, target::rdna3) {
  for (const int bytes : {1, 100, 65536}) {
    std::vector<int> clean(20, 0);
    run_kernel<poison_kernel<Target>>(20, 2, static_cast<std::size_t>(bytes), {bytes, clean.data()});
    CHECK(clean == std::vector<int>(20, 0));
  }
}

// Waits until `condition` holds, but not for ever. False if it gave up.
template <class Condition> bool wait_until(Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

// Each workgroup waits until its predecessor has ended.
struct chain_kernel {
  struct arguments {
    std::atomic<int>* ended;
    std::atomic<int>* stuck;
  };
  using target = host_platform_test::target::sm80;
  static constexpr int max_waves = 1;

  static void run(const arguments& arguments, std::byte*) {
    if (platform::wave_ops<32>::lane() == 0) {
      const auto predecessor_ended = [&] { return *arguments.ended == platform::workgroup() || *arguments.stuck != 0; };
      if (!wait_until(predecessor_ended)) ++*arguments.stuck;
      ++*arguments.ended;
    }
  }
};

TEST_CASE("a workgroup may wait for those before it") {
  std::atomic<int> ended = 0, stuck = 0;
  run_kernel<chain_kernel>(100, 1, 0, {&ended, &stuck});
  CHECK(ended == 100);
  CHECK(stuck == 0);
}

// Both workgroups wait for each other.
struct meeting_kernel {
  struct arguments {
    std::atomic<int>* begun;
    std::atomic<int>* stuck;
  };
  using target = host_platform_test::target::sm80;
  static constexpr int max_waves = 1;

  static void run(const arguments& arguments, std::byte*) {
    if (platform::wave_ops<32>::lane() != 0) return;
    ++*arguments.begun;
    if (!wait_until([&] { return *arguments.begun == platform::workgroups(); })) ++*arguments.stuck;
  }
};

TEST_CASE("two workgroups run at the same time") {
  std::atomic<int> begun = 0, stuck = 0;
  run_kernel<meeting_kernel>(2, 1, 0, {&begun, &stuck});
  CHECK(stuck == 0);
}

struct count_kernel {
  struct arguments {
    std::atomic<int>* lanes;
  };
  using target = host_platform_test::target::cdna;
  static constexpr int max_waves = 4;

  static void run(const arguments& arguments, std::byte*) {
    *arguments.lanes += platform::wave_ops<64>::any(true) ? 1 : 0;
  }
};

TEST_CASE("threads may launch at the same time, in any shape") {
  std::atomic<int> lanes = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&lanes, i] {
      for (int round = 0; round < 20; ++round) {
        const auto launched = platform::launch<count_kernel>(1 + (round + i) % 3, 1 + round % 4, 0, nullptr, {&lanes});
        if (!launched.ok()) lanes = -1000000;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  int expected = 0;
  for (int i = 0; i < 4; ++i)
    for (int round = 0; round < 20; ++round) expected += (1 + (round + i) % 3) * (1 + round % 4) * 64;
  CHECK(lanes == expected);
}

TEST_CASE("query_device says what set_device was told") {
  platform::device_info before{};
  REQUIRE(platform::query_device(before).ok());
  CHECK(before.family == platform::target_family::cdna3);
  CHECK(before.compute_units == 4);
  CHECK(before.fp8 == platform::fp8_hardware::none);
  platform::host::set_device({"pretended", platform::target_family::rdna4, 64, platform::fp8_hardware::fn});
  platform::device_info info{};
  REQUIRE(platform::query_device(info).ok());
  CHECK(std::string(info.name) == "pretended");
  CHECK(info.family == platform::target_family::rdna4);
  CHECK(info.compute_units == 64);
  CHECK(info.fp8 == platform::fp8_hardware::fn);
  platform::host::set_device(before);
}

/// What a kernel does wrong, by number, so that one kernel and one hidden test case serve all of them.
enum class misuse {
  operations,
  places,
  types,
  ended_lane,
  waiting_wave,
  ended_wave,
  shuffle_lane,
  alignment,
  wave_size
};

template <misuse What> struct misuse_kernel {
  struct arguments {
    const std::byte* memory;
  };
  using target = host_platform_test::target::sm80;
  static constexpr int max_waves = 2;

  static void run(const arguments& arguments, std::byte*) {
    using wave = platform::wave_ops<32>;
    const int lane = wave::lane();
    if constexpr (What == misuse::operations) {
      if (lane == 7) {
        static_cast<void>(wave::any(true));
      } else {
        static_cast<void>(wave::shuffle(lane, 0));
      }
    } else if constexpr (What == misuse::places) {
      if (lane < 7) {
        static_cast<void>(wave::any(true));
      } else {
        static_cast<void>(wave::any(true));
      }
    } else if constexpr (What == misuse::types) {
      const auto exchange = [](auto value) { static_cast<void>(wave::shuffle(value, 0)); };
      if (lane < 7) {
        exchange(lane);
      } else {
        exchange(1.0f);
      }
    } else if constexpr (What == misuse::ended_lane) {
      if (lane == 5) return;
      platform::barrier();
    } else if constexpr (What == misuse::waiting_wave) {
      if (wave::index() == 0) platform::barrier();
    } else if constexpr (What == misuse::ended_wave) {
      if (wave::index() == 1) platform::barrier();
    } else if constexpr (What == misuse::shuffle_lane) {
      static_cast<void>(wave::shuffle(lane, lane + 1));
    } else if constexpr (What == misuse::alignment) {
      static_cast<void>(platform::load_streaming<16>(arguments.memory + 8));
    } else {
      static_cast<void>(platform::wave_ops<64>::any(true));
    }
  }
};

template <misuse What> void commit() {
  alignas(16) const std::byte memory[64]{};
  static_cast<void>(platform::launch<misuse_kernel<What>>(1, 2, 0, nullptr, {memory}));
}

// Run by the test below in a process of its own, one at a time.
TEST_CASE("misuse: operations" * doctest::skip()) { commit<misuse::operations>(); }
TEST_CASE("misuse: places" * doctest::skip()) { commit<misuse::places>(); }
TEST_CASE("misuse: types" * doctest::skip()) { commit<misuse::types>(); }
TEST_CASE("misuse: ended lane" * doctest::skip()) { commit<misuse::ended_lane>(); }
TEST_CASE("misuse: waiting wave" * doctest::skip()) { commit<misuse::waiting_wave>(); }
TEST_CASE("misuse: ended wave" * doctest::skip()) { commit<misuse::ended_wave>(); }
TEST_CASE("misuse: shuffle lane" * doctest::skip()) { commit<misuse::shuffle_lane>(); }
TEST_CASE("misuse: alignment" * doctest::skip()) { commit<misuse::alignment>(); }
TEST_CASE("misuse: wave size" * doctest::skip()) { commit<misuse::wave_size>(); }
TEST_CASE("misuse: no kernel" * doctest::skip()) { static_cast<void>(platform::workgroup()); }

struct outcome {
  int exit_code;
  std::string output;
};

outcome run_hidden_test(const std::string& name) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  std::FILE* child = popen(("'" + self + "' --no-skip --test-case='" + name + "' 2>&1").c_str(), "r");
  REQUIRE(child != nullptr);
  outcome result{};
  char buffer[512];
  while (std::fgets(buffer, sizeof(buffer), child) != nullptr) result.output += buffer;
  const int state = pclose(child);
  result.exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : 0;
  return result;
}

TEST_CASE("misuse in a kernel ends the program with a message") {
  const struct {
    const char* name;
    const char* message;
  } cases[] = {
      {"misuse: operations", "workgroup 0, wave 0 diverged: lane 0 is at shuffle ("},
      {"misuse: places", "workgroup 0, wave 0 diverged: lane 0 is at any ("},
      {"misuse: types", "lane 7 is at shuffle ("},
      {"misuse: ended lane", "lane 5 is at the end of the kernel"},
      {"misuse: waiting wave", "wave 1 has ended while another wave waits at a barrier"},
      {"misuse: ended wave", "wave 1 waits at a barrier ("},
      {"misuse: shuffle lane", "reads lane 32 of a wave of 32"},
      {"misuse: alignment", "access of 16 bytes at"},
      {"misuse: wave size", "a kernel for waves of 32 lanes uses wave operations for 64 lanes"},
      {"misuse: no kernel", "a device function was called outside a kernel"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const outcome got = run_hidden_test(one.name);
    CAPTURE(got.output);
    CHECK(got.exit_code != 0);
    CHECK(got.output.find(one.message) != std::string::npos);
  }
}

}  // namespace host_platform_test
