#include "lane_functions.h"

#include <cxxabi.h>
#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>

#include "tools.h"

namespace fs = std::filesystem;

namespace sim {
namespace {
/// The undefined symbols of namespace sim in an object file.
std::vector<std::string> undefined_symbols(const fs::path& object) {
  const std::string file = read_file(object);
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(file.data());
  const auto* sections = reinterpret_cast<const Elf64_Shdr*>(file.data() + header->e_shoff);
  std::vector<std::string> result;
  for (int i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const char* names = file.data() + sections[sections[i].sh_link].sh_offset;
    const auto* symbols = reinterpret_cast<const Elf64_Sym*>(file.data() + sections[i].sh_offset);
    for (size_t k = 0; k < sections[i].sh_size / sizeof(Elf64_Sym); k++) {
      const char* name = names + symbols[k].st_name;
      if (symbols[k].st_shndx == SHN_UNDEF && !std::strncmp(name, "_ZN3sim", 7)) result.push_back(name);
    }
  }
  return result;
}

/// What makes a compiler that sees the definitions emit the function: a demangled name is C++.
std::string instantiation(const std::string& symbol, size_t number) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status),
                                              std::free);
  if (!name) throw std::runtime_error("cannot demangle " + symbol);
  const std::string text = name.get();
  if (text.find('<') != std::string::npos) return "template " + text + ";\n";
  const std::string keep = "keep_" + std::to_string(number);
  return "extern void* const " + keep + ";\nvoid* const " + keep + " = (void*)&" + text.substr(0, text.find('(')) +
         ";\n";
}

std::string compile_library(const translation_compiler& compiler, const std::vector<std::string>& symbols,
                            const fs::path& operations) {
  const work_folder work(compiler.cache);
  content_hash key;
  key.add(compiler.key);
  std::ofstream source(work / "lanes.cpp");
  source << "#include \"all.h\"\n" << read_file(operations);
  for (size_t i = 0; i < symbols.size(); i++) {
    source << instantiation(symbols[i], i);
    key.add(symbols[i]);
  }
  source.close();
  std::vector<std::string> command = compiler.command;
  command.insert(command.end(), {"-shared", work / "lanes.cpp", "-o", work / "lanes.so"});
  if (run_program(command, work / "output", work / "errors") != 0)
    throw std::runtime_error("compiling lane functions failed:\n" + read_file(work / "errors").substr(0, 3000));
  const std::string name = "lanes-" + key.hex() + ".so";
  fs::rename(work / "lanes.so", compiler.cache / name);
  return name;
}
}  // namespace

std::vector<std::string> lane_libraries(const translation_compiler& compiler, const fs::path& object,
                                        const fs::path& operations) {
  // A link named after the function leads to the library that has it.
  const auto link_of = [&](const std::string& symbol) {
    return compiler.cache / ("lane-" + content_hash().add(compiler.key).add(symbol).hex());
  };
  std::set<std::string> libraries;
  std::vector<std::string> missing;
  for (const std::string& symbol : undefined_symbols(object)) {
    std::error_code absent;
    const fs::path library = fs::read_symlink(link_of(symbol), absent);
    if (absent)
      missing.push_back(symbol);
    else
      libraries.insert(library);
  }
  if (!missing.empty()) {
    const std::string library = compile_library(compiler, missing, operations);
    std::error_code exists;  // another process was faster, and its library is as good
    for (const std::string& symbol : missing) fs::create_symlink(library, link_of(symbol), exists);
    libraries.insert(library);
  }
  return {libraries.begin(), libraries.end()};
}
}  // namespace sim
