#include "build.h"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <stdexcept>

#include "lane_functions.h"
#include "tools.h"

namespace fs = std::filesystem;

namespace sim {
namespace {
// Of the code of a kernel, which mostly calls lane functions; those get the full flags.
constexpr const char* kernel_optimization = "-O1";

// Where translate/ and rt/ are: AMDGCN_SIM_HOME, beside the library, or in the source folder.
fs::path home() {
  if (const std::string named = env("AMDGCN_SIM_HOME"); !named.empty()) return named;
  Dl_info self;
  fs::path beside = fs::current_path();
  if (dladdr(reinterpret_cast<void*>(&build_kernel), &self) && self.dli_fname)
    beside = fs::absolute(self.dli_fname).parent_path();
  for (const fs::path& folder : {beside, fs::path(AMDGCN_SIM_SOURCE)})
    if (fs::exists(folder / "translate/translate.py")) return folder;
  throw std::runtime_error("translate/translate.py not found; set AMDGCN_SIM_HOME");
}

fs::path cache_folder() {
  const fs::path folder = env("AMDGCN_SIM_CACHE", env("HOME", "/tmp") + "/.cache/amdgcn-sim");
  fs::create_directories(folder);
  return folder;
}

// Of the translator, the headers, and the CPU that -march=native means.
const std::string& tools_key() {
  static const std::string key = [] {
    std::vector<fs::path> files;
    for (const char* folder : {"translate", "rt"})
      for (const auto& entry : fs::directory_iterator(home() / folder))
        if (entry.path().extension() == ".py" || entry.path().extension() == ".h") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    content_hash hash;
    for (const fs::path& file : files) hash.add(read_file(file));
    const std::string cpu = read_file("/proc/cpuinfo");
    const size_t flags = std::min(cpu.find("flags"), cpu.size());
    return hash.add(cpu.substr(flags, cpu.find('\n', flags) - flags)).hex();
  }();
  return key;
}

// The disassembly of a whole code object, which all its kernels share.
fs::path disassemble(const CodeObject& object, const std::string& key, const work_folder& work) {
  const std::string disassembler = env("AMDGCN_SIM_OBJDUMP", AMDGCN_SIM_DISASSEMBLER);
  const fs::path result = cache_folder() / (content_hash().add(key).add(disassembler).hex() + ".dis");
  if (fs::exists(result)) return result;
  std::ofstream(work / "code.elf", std::ios::binary)
      .write(reinterpret_cast<const char*>(object.elf.data()), std::streamsize(object.elf.size()));
  const int status =
      run_program({disassembler, "-d", "--mcpu=" + object.arch, work / "code.elf"}, work / "code.dis", work / "errors");
  const std::string errors = read_file(work / "errors");
  const bool known = errors.find("not a recognized processor") == std::string::npos;
  if (status != 0 || !known || read_file(work / "code.dis").find(" // ") == std::string::npos)
    throw std::runtime_error(disassembler + " does not know " + object.arch + " (set AMDGCN_SIM_OBJDUMP). " + errors);
  fs::rename(work / "code.dis", result);
  return result;
}

translation_compiler compiler_for(const CodeObject& object, const KernelMeta& kernel) {
  const bool fnuz = object.arch == "gfx940" || object.arch == "gfx941" || object.arch == "gfx942";
  const std::string compiler = env("AMDGCN_SIM_CXX", "g++");
  const bool clang = compiler.find("clang") != std::string::npos;
  std::vector<std::string> command = {compiler,
                                      "-std=c++20",
                                      "-fPIC",
                                      "-w",
                                      "-fno-math-errno",
                                      "-fno-trapping-math",
                                      "-ffp-contract=off",
                                      "-ftree-vectorize",
                                      "-DWAVE=" + std::to_string(kernel.wave),
                                      "-DSIM_FNUZ=" + std::to_string(fnuz)};
  // Tables in functions must not be shared by libraries for different wave sizes.
  if (!clang) command.insert(command.end(), {"-fvect-cost-model=unlimited", "-fno-gnu-unique"});
  for (const std::string& flag : words(env("AMDGCN_SIM_CXXFLAGS", "-O2 -march=native"))) command.push_back(flag);
  content_hash hash;
  hash.add(tools_key());
  for (const std::string& word : command) hash.add(word);
  const std::string key = hash.hex();
  command.push_back("-I" + (home() / "rt").string());
  return {command, key, cache_folder()};
}

// Writes the kernel's source and the operations that its lane functions need.
void translate(const CodeObject& object, const KernelMeta& kernel, const std::string& object_key,
               const work_folder& work) {
  std::vector<std::string> command = {env("AMDGCN_SIM_PYTHON", "python3"),
                                      home() / "translate/translate.py",
                                      "--dis",
                                      disassemble(object, object_key, work),
                                      "--arch",
                                      object.arch,
                                      "--wave",
                                      std::to_string(kernel.wave),
                                      "--kernel",
                                      kernel.name,
                                      "--entry",
                                      hex(kernel.kd.entry),
                                      "--out",
                                      work / "kernel.cpp",
                                      "--operations",
                                      work / "operations.cpp"};
  for (const uint64_t function : object.functions) command.insert(command.end(), {"--func", hex(function)});
  if (run_program(command, work / "output", work / "errors") != 0) throw std::runtime_error(read_file(work / "errors"));
}

void compile(const translation_compiler& compiler, const KernelMeta& kernel, const work_folder& work) {
  const auto run = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> command = compiler.command;
    command.insert(command.end(), arguments.begin(), arguments.end());
    if (run_program(command, work / "output", work / "errors") == 0) return;
    throw std::runtime_error("compiling the translation of " + kernel.name + " failed:\n" +
                             read_file(work / "errors").substr(0, 3000));
  };
  run({kernel_optimization, "-c", work / "kernel.cpp", "-o", work / "kernel.o"});
  std::vector<std::string> link = {"-shared",          work / "kernel.o",    "-o",
                                   work / "kernel.so", "-Wl,-rpath,$ORIGIN", "-L" + compiler.cache.string()};
  for (const std::string& library : lane_libraries(compiler, work / "kernel.o", work / "operations.cpp"))
    link.push_back("-l:" + library);
  run(link);
}
}  // namespace

built_kernel build_kernel(const CodeObject& object, const KernelMeta& kernel) {
  const auto start = std::chrono::steady_clock::now();
  const translation_compiler compiler = compiler_for(object, kernel);
  const std::string object_key = content_hash().add(object.elf.data(), object.elf.size()).hex();
  const std::string key = content_hash().add(object_key).add(kernel.name).add(compiler.key).hex();
  const fs::path library = compiler.cache / (key + ".so");
  double seconds = 0;
  if (!fs::exists(library)) {
    const work_folder work(compiler.cache);
    translate(object, kernel, object_key, work);
    if (!env("AMDGCN_SIM_KEEP").empty())
      fs::copy_file(work / "kernel.cpp", compiler.cache / (key + ".cpp"), fs::copy_options::overwrite_existing);
    compile(compiler, kernel, work);
    fs::rename(work / "kernel.so", library);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) throw std::runtime_error(dlerror());
  const auto* info = static_cast<const KernelInfo*>(dlsym(handle, "amdgcn_sim_info"));
  if (!info || info->version != RT_VERSION)
    throw std::runtime_error("stale translation in the cache: " + library.string());
  return {info, seconds};
}
}  // namespace sim
