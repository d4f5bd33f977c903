#include "build.h"
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;
namespace sim {
std::string env(const char* name, const char* def) { const char* v = std::getenv(name); return v && *v ? v : def; }

namespace {
std::string slurp(const fs::path& p) { std::ifstream f(p, std::ios::binary); std::ostringstream s; s << f.rdbuf(); return s.str(); }
std::vector<std::string> words(const std::string& s) { std::istringstream i(s); std::vector<std::string> r; for (std::string w; i >> w;) r.push_back(w); return r; }

int run(const std::vector<std::string>& cmd, const std::string& out, const std::string& errf) {
  std::vector<char*> a;
  for (auto& s : cmd) a.push_back(const_cast<char*>(s.c_str()));
  a.push_back(nullptr);
  pid_t pid = fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid == 0) {
    int o = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), e = open(errf.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(o, 1); dup2(e, 2);
    execvp(a[0], a.data());
    _exit(127);
  }
  int st = 0;
  while (waitpid(pid, &st, 0) < 0 && errno == EINTR) {}
  return WIFEXITED(st) ? WEXITSTATUS(st) : 128;
}
struct Hash {                       // 128-bit FNV-1a style, for cache keys
  uint64_t a = 0xcbf29ce484222325ull, b = 0x9ae16a3b2f90404full;
  void add(const void* p, size_t n) { auto* c = (const unsigned char*)p; for (size_t i = 0; i < n; i++) { a = (a ^ c[i]) * 0x100000001b3ull; b = (b ^ (c[i] + 0x51)) * 0x100000001b3ull; b ^= b >> 29; } }
  void add(const std::string& s) { add(s.data(), s.size()); add("\0", 1); }
  std::string hex() const { char t[40]; std::snprintf(t, sizeof t, "%016llx%016llx", (unsigned long long)a, (unsigned long long)b); return t; }
};
fs::path home() {                   // where translate/ and rt/ are: AMDGCN_SIM_HOME, beside the library, or in the source folder
  if (auto h = env("AMDGCN_SIM_HOME"); !h.empty()) return h;
  Dl_info d;
  fs::path lib = dladdr((void*)&build_kernel, &d) && d.dli_fname ? fs::absolute(d.dli_fname).parent_path() : fs::current_path();
  for (auto& c : {lib, fs::path(AMDGCN_SIM_SOURCE)}) if (fs::exists(c / "translate/translate.py")) return c;
  throw std::runtime_error("translate/translate.py not found; set AMDGCN_SIM_HOME");
}
fs::path cache_dir() {
  fs::path p = env("AMDGCN_SIM_CACHE", (env("HOME", "/tmp") + "/.cache/amdgcn-sim").c_str());
  fs::create_directories(p);
  return p;
}
const std::string& tool_hash() {    // of the translator and the runtime headers
  static const std::string h = [] {
    Hash x; std::vector<fs::path> f;
    for (auto* d : {"translate", "rt"}) for (auto& e : fs::directory_iterator(home() / d)) if (e.path().extension() == ".py" || e.path().extension() == ".h") f.push_back(e.path());
    std::sort(f.begin(), f.end());
    for (auto& p : f) x.add(slurp(p));
    std::string cpu = slurp("/proc/cpuinfo"); auto k = cpu.find("flags"); x.add(cpu.substr(k == std::string::npos ? 0 : k, cpu.find('\n', k) - k));
    return x.hex();
  }();
  return h;
}
// The disassembly of a whole code object, kept in the cache.
std::string disassemble(const CodeObject& co, const std::string& elf_hash, const fs::path& work) {
  std::vector<std::string> tools = {env("AMDGCN_SIM_OBJDUMP", AMDGCN_SIM_DISASSEMBLER)};
  Hash h; h.add(elf_hash); h.add(tools[0]);
  fs::path dis = cache_dir() / (h.hex() + ".dis");
  if (fs::exists(dis)) return dis;
  fs::path elf = work / "code.elf", tmp = work / "code.dis", err = work / "code.err";
  std::ofstream(elf, std::ios::binary).write((const char*)co.elf.data(), std::streamsize(co.elf.size()));
  std::string last;
  for (auto& t : tools) {
    int rc = run({t, "-d", "--mcpu=" + co.arch, elf}, tmp, err);
    if (rc == 127) continue;
    last = t + ": " + slurp(err);
    std::string head = slurp(err);
    if (rc == 0 && head.find("not a recognized processor") == std::string::npos && slurp(tmp).find(" // ") != std::string::npos) { fs::rename(tmp, dis); return dis; }
  }
  throw std::runtime_error("no llvm-objdump that knows " + co.arch + " (set AMDGCN_SIM_OBJDUMP). " + last);
}
std::string default_cxx() {
  if (auto c = env("AMDGCN_SIM_CXX"); !c.empty()) return c;
  return "g++";
}
}  // namespace

Built build_kernel(const CodeObject& co, const KernelMeta& k) {
  auto t0 = std::chrono::steady_clock::now();
  std::string cxx = default_cxx(), flags = env("AMDGCN_SIM_CXXFLAGS", "-O2 -march=native");
  Hash eh; eh.add(co.elf.data(), co.elf.size());
  Hash h; h.add(eh.hex()); h.add(k.name); h.add(tool_hash()); h.add(cxx); h.add(flags);
  fs::path so = cache_dir() / (h.hex() + ".so");
  double seconds = 0;
  if (!fs::exists(so)) {
    std::string tmpl = (cache_dir() / ("tmp.XXXXXX")).string();
    if (!mkdtemp(tmpl.data())) throw std::runtime_error("cannot create a directory in the cache " + cache_dir().string());
    fs::path work = tmpl, cpp = work / "kernel.cpp", out = work / "kernel.so", err = work / "err.txt", log = work / "out.txt";
    struct Cleanup { fs::path p; ~Cleanup() { std::error_code ec; if (env("AMDGCN_SIM_KEEP").empty()) fs::remove_all(p, ec); } } cleanup{work};
    std::ostringstream entry; entry << "0x" << std::hex << k.kd.entry;
    std::vector<std::string> cmd = {env("AMDGCN_SIM_PYTHON", "python3"), home() / "translate/translate.py", "--dis", disassemble(co, eh.hex(), work), "--arch", co.arch, "--wave", std::to_string(k.wave), "--kernel", k.name, "--entry", entry.str(), "--out", cpp};
    for (auto f : co.functions) { std::ostringstream s; s << "0x" << std::hex << f; cmd.push_back("--func"); cmd.push_back(s.str()); }
    if (run(cmd, log, err) != 0) throw std::runtime_error(slurp(err));
    cmd = {cxx, "-std=c++20", "-shared", "-fPIC", "-w", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fvisibility=hidden", "-ftree-vectorize"};
    if (cxx.find("clang") == std::string::npos) cmd.push_back("-fvect-cost-model=unlimited");
    for (auto& f : words(flags)) cmd.push_back(f);
    for (auto& s : {std::string("-I") + (home() / "rt").string(), cpp.string(), std::string("-o"), out.string()}) cmd.push_back(s);
    if (run(cmd, log, err) != 0) { std::string e = slurp(err); throw std::runtime_error("compiling the translation of " + k.name + " failed:\n" + e.substr(0, 3000)); }
    if (!env("AMDGCN_SIM_KEEP").empty()) fs::copy_file(cpp, cache_dir() / (h.hex() + ".cpp"), fs::copy_options::overwrite_existing);
    fs::rename(out, so);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - t0).count();
  }
  void* lib = dlopen(so.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!lib) throw std::runtime_error(dlerror());
  auto* info = (const KernelInfo*)dlsym(lib, "amdgcn_sim_info");
  if (!info || info->version != RT_VERSION) throw std::runtime_error("stale translation in the cache: " + so.string());
  return {info, seconds};
}
}  // namespace sim
