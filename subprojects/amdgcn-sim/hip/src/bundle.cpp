#include "bundle.hpp"

#include <dlfcn.h>
#include <elf.h>

#include "options.hpp"

namespace hip_sim {
namespace {

constexpr char bundle_magic[] = "__CLANG_OFFLOAD_BUNDLE__";
constexpr char compressed_magic[] = "CCOB";

template <class T> T read(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// zstd is loaded only when it is needed: programs without compressed bundles run without it.
bool decompress(const char* from, size_t size, std::vector<char>& out, std::string& why_not) {
  void* library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    why_not = "the bundle is compressed and libzstd.so.1 cannot be loaded (compile with --no-offload-compress)";
    return false;
  }
  using function = size_t (*)(void*, size_t, const void*, size_t);
  const auto call = reinterpret_cast<function>(dlsym(library, "ZSTD_decompress"));
  if (call != nullptr && call(out.data(), out.size(), from, size) == out.size()) return true;
  why_not = "the compressed bundle is damaged";
  return false;
}

hipError_t read_compressed(const char* data, image& out, std::string& why_not) {
  constexpr unsigned zstd = 1;
  const unsigned version = read<uint16_t>(data + 4), method = read<uint16_t>(data + 6);
  if ((version != 2 && version != 3) || method != zstd) {
    why_not =
        "compressed bundle of unknown version " + std::to_string(version) + " or method " + std::to_string(method);
    return hipErrorInvalidImage;
  }
  const size_t whole = version == 2 ? read<uint32_t>(data + 8) : read<uint64_t>(data + 8);
  const size_t plain = version == 2 ? read<uint32_t>(data + 12) : read<uint64_t>(data + 16);
  const size_t header = version == 2 ? 24 : 32;
  auto storage = std::make_shared<std::vector<char>>(plain);
  if (!decompress(data + header, whole - header, *storage, why_not)) return hipErrorInvalidImage;
  out.storage.push_back(storage);
  return read_image(storage->data(), plain, out, why_not);
}

// An entry is named like hip-amdgcn-amd-amdhsa--gfx942:sramecc+:xnack-, or host-... for the host's.
hipError_t read_bundle(const char* data, image& out, std::string& why_not) {
  const auto count = read<uint64_t>(data + 24);
  if (count > 4096) return why_not = "the bundle is damaged", hipErrorInvalidImage;
  const char* entry = data + 32;
  for (uint64_t i = 0; i < count; ++i) {
    const auto offset = read<uint64_t>(entry), size = read<uint64_t>(entry + 8), length = read<uint64_t>(entry + 16);
    const std::string name(entry + 24, length);
    entry += 24 + length;
    const size_t dashes = name.find("--");
    if (size == 0 || !name.starts_with("hip") || dashes == std::string::npos) continue;
    out.objects.push_back({name.substr(dashes + 2), data + offset, size});
  }
  return hipSuccess;
}

size_t size_of_elf(const char* data) {
  const auto header = read<Elf64_Ehdr>(data);
  size_t end = header.e_shoff + size_t(header.e_shentsize) * header.e_shnum;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto segment = read<Elf64_Phdr>(data + header.e_phoff + size_t(i) * header.e_phentsize);
    end = std::max<size_t>(end, segment.p_offset + segment.p_filesz);
  }
  return end;
}

// 0: does not fit. A code object for certain features is better than one for any.
int fitness(const std::string& target) {
  const size_t name_end = std::min(target.find(':'), target.size());
  if (target.substr(0, name_end) != simulated_processor().name) return 0;
  const std::string has = simulated_processor().features;
  int found = 1;
  for (size_t at = name_end; at < target.size(); ++found) {
    const size_t end = std::min(target.find(':', at + 1), target.size());
    if (has.find(target.substr(at, end - at)) == std::string::npos) return 0;
    at = end;
  }
  return found;
}

}  // namespace

hipError_t read_image(const void* from, size_t size, image& out, std::string& why_not) {
  const auto* data = static_cast<const char*>(from);
  if (size != 0 && size < sizeof(Elf64_Ehdr)) return why_not = "it is too short", hipErrorInvalidImage;
  if (std::memcmp(data, compressed_magic, 4) == 0) return read_compressed(data, out, why_not);
  if (std::memcmp(data, bundle_magic, 24) == 0) return read_bundle(data, out, why_not);
  if (std::memcmp(data, ELFMAG, SELFMAG) != 0) {
    why_not = "it is neither an offload bundle nor an ELF file";
    return hipErrorInvalidImage;
  }
  if (size == 0) size = size_of_elf(data);
  out.objects.push_back({"", data, size});
  return hipSuccess;
}

const code_object* choose(const image& from, std::string& why_not) {
  if (from.objects.empty()) return why_not = "no device code in it", nullptr;
  if (from.objects.front().target.empty()) return &from.objects.front();
  suggest_processor(from.objects.front().target);
  const code_object* best = nullptr;
  int most = 0;
  for (const code_object& object : from.objects) {
    if (const int fits = fitness(object.target); fits > most) most = fits, best = &object;
  }
  if (best != nullptr) return best;
  why_not = "no code object for " + processor_target() + "; present:";
  for (const code_object& object : from.objects) why_not += " " + object.target;
  return nullptr;
}

}  // namespace hip_sim
