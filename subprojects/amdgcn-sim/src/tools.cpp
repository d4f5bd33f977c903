#include "tools.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace fs = std::filesystem;

namespace sim {
std::string env(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> result;
  for (std::string word; in >> word;) result.push_back(word);
  return result;
}

std::string hex(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

int run_program(const std::vector<std::string>& command, const fs::path& output, const fs::path& errors) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    dup2(open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), 1);
    dup2(open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), 2);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

content_hash& content_hash::add(const void* data, size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < size; i++) {
    a = (a ^ bytes[i]) * 0x100000001b3ull;
    b = (b ^ (bytes[i] + 0x51u)) * 0x100000001b3ull;
    b ^= b >> 29;
  }
  return *this;
}

// With the terminating zero, so that ("ab", "c") and ("a", "bc") differ.
content_hash& content_hash::add(const std::string& text) { return add(text.c_str(), text.size() + 1); }

std::string content_hash::hex() const {
  char text[40];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(a),
                static_cast<unsigned long long>(b));
  return text;
}

work_folder::work_folder(const fs::path& parent) {
  std::string name = (parent / "tmp.XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("cannot create a folder in the cache " + parent.string());
  path = name;
}

work_folder::~work_folder() {
  std::error_code ignored;
  if (env("AMDGCN_SIM_KEEP").empty()) fs::remove_all(path, ignored);
}
}  // namespace sim
