#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <paragon/types/fp16.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace examples {

/// A file is not what it claims to be, or does not hold what was asked for; the message names the file and the value.
struct safetensors_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A dense row-major tensor inside a `safetensors`, valid as long as that lives.
struct fp16_tensor {
  std::vector<std::int64_t> shape;
  std::span<const paragon::fp16> values;
};

/// A safetensors file, read whole: 8 bytes little-endian header length, a JSON header, then the data of all tensors.
///
///   const safetensors file{"model.safetensors"};
///   const fp16_tensor key = file.fp16("layer_00.key");      // key.shape, key.values
///   const std::string licence = file.metadata("license");
///
/// The header is checked when the file is opened: every tensor lies inside the file and has the bytes that its shape
/// and dtype need. Every failure is a `safetensors_error`.
class safetensors {
 public:
  explicit safetensors(const std::filesystem::path& path) : name_{path.string()}, bytes_{read(path)} {
    const nlohmann::json header = parse_header();
    if (!header.is_object()) fail("the header is not a JSON object");
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") {
        metadata_ = value;
      } else {
        tensors_.emplace_back(name, parse_tensor(name, value));
      }
    }
  }

  safetensors(const safetensors&) = delete;
  safetensors& operator=(const safetensors&) = delete;

  /// The string under `key` in `__metadata__`.
  [[nodiscard]] std::string metadata(const std::string& key) const {
    if (!metadata_.is_object() || !metadata_.contains(key) || !metadata_[key].is_string()) {
      fail("no metadata named '" + key + "'");
    }
    return metadata_[key].get<std::string>();
  }

  /// The tensor `name`, whose dtype must be F16.
  [[nodiscard]] fp16_tensor fp16(std::string_view name) const {
    const tensor& found = find(name);
    if (found.dtype != "F16") fail(quoted(name) + " has dtype " + found.dtype + ", not F16");
    const std::byte* data = bytes_.data() + data_begin_ + found.begin;
    if (reinterpret_cast<std::uintptr_t>(data) % alignof(paragon::fp16) != 0) {
      fail(quoted(name) + " begins at the odd address " + std::to_string(data_begin_ + found.begin));
    }
    return {found.shape, {reinterpret_cast<const paragon::fp16*>(data), (found.end - found.begin) / 2}};
  }

 private:
  struct tensor {
    std::string dtype;
    std::vector<std::int64_t> shape;
    std::uint64_t begin;  // both count from the end of the header
    std::uint64_t end;
  };

  static std::string quoted(std::string_view name) { return "tensor '" + std::string{name} + "'"; }

  [[noreturn]] void fail(const std::string& why) const { throw safetensors_error{name_ + ": " + why}; }

  [[nodiscard]] std::vector<std::byte> read(const std::filesystem::path& path) const {
    if (!std::filesystem::is_regular_file(path)) fail("there is no such file");
    std::ifstream file{path, std::ios::binary};
    std::vector<std::byte> bytes(std::filesystem::file_size(path));
    file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!file) fail("cannot be read");
    return bytes;
  }

  nlohmann::json parse_header() {
    std::uint64_t length = 0;
    if (bytes_.size() < sizeof(length)) fail("is shorter than the 8 bytes of the header length");
    std::memcpy(&length, bytes_.data(), sizeof(length));
    if (length > bytes_.size() - sizeof(length)) {
      fail("is truncated: the header should have " + std::to_string(length) + " bytes, the file has " +
           std::to_string(bytes_.size()));
    }
    data_begin_ = sizeof(length) + length;
    const char* text = reinterpret_cast<const char*>(bytes_.data()) + sizeof(length);
    try {
      return nlohmann::json::parse(text, text + length);
    } catch (const nlohmann::json::exception& error) {
      fail(std::string{"the header is not JSON: "} + error.what());
    }
  }

  [[nodiscard]] tensor parse_tensor(const std::string& name, const nlohmann::json& value) const {
    tensor result;
    try {
      value.at("dtype").get_to(result.dtype);
      value.at("shape").get_to(result.shape);
      std::tie(result.begin, result.end) = value.at("data_offsets").get<std::pair<std::uint64_t, std::uint64_t>>();
    } catch (const nlohmann::json::exception& error) {
      fail(quoted(name) + " is not described by a dtype, a shape and two data offsets: " + error.what());
    }
    const std::uint64_t size = bytes_.size() - data_begin_;
    if (result.begin > result.end || result.end > size) {
      fail(quoted(name) + " has the data offsets [" + std::to_string(result.begin) + ", " + std::to_string(result.end) +
           "], the file has " + std::to_string(size) + " bytes of data");
    }
    if (result.dtype == "F16") check_extent(name, result);
    return result;
  }

  void check_extent(const std::string& name, const tensor& given) const {
    std::uint64_t elements = 1;
    for (const std::int64_t extent : given.shape) {
      if (extent < 0) fail(quoted(name) + " has the negative extent " + std::to_string(extent));
      if (__builtin_mul_overflow(elements, static_cast<std::uint64_t>(extent), &elements)) {
        fail(quoted(name) + " has a shape whose number of elements overflows");
      }
    }
    if ((given.end - given.begin) % 2 != 0 || elements != (given.end - given.begin) / 2) {
      fail(quoted(name) + " has " + std::to_string(given.end - given.begin) + " bytes, its shape needs " +
           std::to_string(elements) + " elements of 2");
    }
  }

  [[nodiscard]] const tensor& find(std::string_view name) const {
    std::string names;
    for (const auto& [known, value] : tensors_) {
      if (known == name) return value;
      names += (names.empty() ? "" : ", ") + known;
    }
    fail("no " + quoted(name) + "; the file has " + names);
  }

  std::string name_;
  std::vector<std::byte> bytes_;
  std::uint64_t data_begin_ = 0;
  nlohmann::json metadata_;
  std::vector<std::pair<std::string, tensor>> tensors_;
};

}  // namespace examples
