#include "options.hpp"

#include "errors.hpp"

namespace hip_sim {
namespace {

// clang-format off
constexpr processor processors[] = {
    // name    version wave lds        per unit   regs  gran waves l2       clock    memory   bus   features
    {"gfx90a",  9,  0, 64,  64 << 10,  64 << 10,  512,  8,  8, 8 << 20, 1700000, 1600000, 4096, ":sramecc+:xnack-", 1},
    {"gfx942",  9,  4, 64,  64 << 10,  64 << 10,  512,  8,  8, 4 << 20, 2100000, 1300000, 8192, ":sramecc+:xnack-", 8},
    {"gfx950",  9,  5, 64, 160 << 10, 160 << 10,  512,  8,  8, 4 << 20, 2400000, 2000000, 8192, ":sramecc+:xnack-", 8},
    {"gfx1100", 11, 0, 32,  64 << 10, 128 << 10, 1536, 24, 16, 6 << 20, 2482000, 1249000,  384, "", 1},
    {"gfx1101", 11, 0, 32,  64 << 10, 128 << 10, 1536, 24, 16, 4 << 20, 2430000, 1249000,  256, "", 1},
    {"gfx1102", 11, 0, 32,  64 << 10, 128 << 10, 1024, 16, 16, 2 << 20, 2650000, 1124000,  128, "", 1},
    {"gfx1150", 11, 5, 32,  64 << 10, 128 << 10, 1024, 16, 16, 2 << 20, 2900000, 1000000,  128, "", 1},
    {"gfx1151", 11, 5, 32,  64 << 10, 128 << 10, 1536, 24, 16, 2 << 20, 2900000, 1000000,  256, "", 1},
    {"gfx1200", 12, 0, 32,  64 << 10, 128 << 10, 1536, 24, 16, 4 << 20, 2790000, 1259000,  128, "", 1},
    {"gfx1201", 12, 0, 32,  64 << 10, 128 << 10, 1536, 24, 16, 8 << 20, 2970000, 1258000,  256, "", 1},
};
// clang-format on

int number(const char* name, int fallback, int least, int most) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return fallback;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*end == '\0' && value >= least && value <= most) return static_cast<int>(value);
  report("%s=%s is no number from %d to %d; using %d", name, text, least, most, fallback);
  return fallback;
}

std::string without_features(const std::string& target) { return target.substr(0, target.find(':')); }

std::string& processor_name() {
  static auto* name = [] {
    const char* asked = std::getenv("HIP_SIM_ARCH");
    return new std::string(asked == nullptr ? "" : without_features(asked));
  }();
  return *name;
}

}  // namespace

const option_values& options() {
  static const option_values values = {
      .compute_units = number("HIP_SIM_CUS", 8, 1, 1024),
      .devices = number("HIP_SIM_DEVICES", 1, 0, max_devices),
      .late = number("HIP_SIM_LATE", 0, 0, 1) == 1,
      .trace = number("HIP_SIM_TRACE", 0, 0, 1) == 1,
  };
  return values;
}

void suggest_processor(const std::string& target) {
  const lock guard;
  if (processor_name().empty()) processor_name() = without_features(target);
}

const processor* find_processor() {
  const lock guard;
  if (processor_name().empty()) processor_name() = "gfx942";
  for (const processor& known : processors) {
    if (processor_name() == known.name) return &known;
  }
  static bool said = false;
  if (!said) report("no device: %s is not simulated", processor_name().c_str());
  said = true;
  return nullptr;
}

const processor& simulated_processor() {
  const processor* found = find_processor();
  return found != nullptr ? *found : processors[0];
}

std::string processor_target() { return std::string(simulated_processor().name) + simulated_processor().features; }

}  // namespace hip_sim
