// The lane functions: the instances of rt/'s templates that the code of a kernel calls. Kernels use much the same ones,
// so each is compiled once and kept in the cache, in shared libraries that translated kernels link.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace sim {
/// How translated code is compiled: the compiler with the options that all of it gets, and what makes up their keys.
struct translation_compiler {
  std::vector<std::string> command;
  std::string key;
  std::filesystem::path cache;
};

/// The libraries of the cache that define what the object file leaves undefined; what none has is compiled into a new
/// one. `operations` is a C++ file with the operations that the functions are instances for.
std::vector<std::string> lane_libraries(const translation_compiler& compiler, const std::filesystem::path& object,
                                        const std::filesystem::path& operations);
}  // namespace sim
