// What translating a kernel takes besides C++: the environment, files, other programs, keys of the cache.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sim {
/// The environment variable, or the default where it is not set or empty.
std::string env(const char* name, const std::string& otherwise = "");
std::string read_file(const std::filesystem::path& path);
std::vector<std::string> words(const std::string& text);
std::string hex(uint64_t value);

/// Runs a program to its end and returns its exit status; 127: it could not be started.
int run_program(const std::vector<std::string>& command, const std::filesystem::path& output,
                const std::filesystem::path& errors);

/// 128 bits of a hash in the manner of FNV-1a, for the names of files in the cache.
class content_hash {
 public:
  content_hash& add(const void* data, size_t size);
  content_hash& add(const std::string& text);
  std::string hex() const;

 private:
  uint64_t a = 0xcbf29ce484222325ull, b = 0x9ae16a3b2f90404full;
};

/// A folder inside the given one that is removed at the end, unless AMDGCN_SIM_KEEP is set.
class work_folder {
 public:
  explicit work_folder(const std::filesystem::path& parent);
  work_folder(const work_folder&) = delete;
  ~work_folder();
  std::filesystem::path operator/(const char* name) const { return path / name; }

 private:
  std::filesystem::path path;
};
}  // namespace sim
