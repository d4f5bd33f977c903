#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/safetensors.hpp"

namespace {

using examples::safetensors;
using examples::safetensors_error;

/// A file that is there as long as this object.
class temporary_file {
 public:
  explicit temporary_file(const std::string& content) { std::ofstream{path_, std::ios::binary} << content; }
  ~temporary_file() { std::filesystem::remove(path_); }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("paragon_safetensors_" + std::to_string(getpid()));
};

std::string with_length(const std::string& header, const std::string& data) {
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>((header.size() >> (8 * i)) & 0xff);
  return length + header + data;
}

/// The fp16 numbers 1, -2, 0.5, 65504, 6e-8, 0.
const std::string six_numbers{"\x00\x3c\x00\xc0\x00\x38\xff\x7b\x01\x00\x00\x00", 12};

/// The complaint about a file whose only tensor "x" is described by `description`; empty if the file is accepted.
std::string complaint(const std::string& description, const std::string& data = six_numbers) {
  std::string header = R"({"x":)" + description + "}";
  header += std::string(header.size() % 2, ' ');
  const temporary_file file{with_length(header, data)};
  try {
    (void)safetensors{file.path()}.fp16("x");
  } catch (const safetensors_error& error) {
    CHECK(std::string{error.what()}.starts_with(file.path().string() + ": "));
    return error.what();
  }
  return {};
}

/// Reads the file with this content; the complaint, or nothing.
std::string complaint_about_file(const std::string& content) {
  const temporary_file file{content};
  try {
    (void)safetensors{file.path()};
  } catch (const safetensors_error& error) {
    return error.what();
  }
  return {};
}

bool says(const std::string& complaint, const std::string& words) { return complaint.find(words) != std::string::npos; }

}  // namespace

TEST_SUITE_BEGIN("host");

TEST_CASE("safetensors: a good file gives shapes, values and metadata") {
  std::string header = R"({"__metadata__":{"license":"MIT"},)"
                       R"("a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},)"
                       R"("b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]},)"
                       R"("none":{"dtype":"F16","shape":[0,3],"data_offsets":[12,12]}})";
  header += std::string(header.size() % 2, ' ');
  const temporary_file content{with_length(header, six_numbers)};
  const safetensors file{content.path()};

  const auto a = file.fp16("a");
  CHECK(a.shape == std::vector<std::int64_t>{2, 2});
  REQUIRE(a.values.size() == 4);
  CHECK(static_cast<float>(a.values[0]) == 1.0f);
  CHECK(static_cast<float>(a.values[1]) == -2.0f);
  CHECK(static_cast<float>(a.values[2]) == 0.5f);
  CHECK(static_cast<float>(a.values[3]) == 65504.0f);
  const auto b = file.fp16("b");
  REQUIRE(b.values.size() == 2);
  CHECK(static_cast<float>(b.values[0]) == 0x1p-24f);
  CHECK(file.fp16("none").values.empty());
  CHECK(file.metadata("license") == "MIT");
  CHECK_THROWS_AS((void)file.metadata("author"), safetensors_error);
  CHECK_THROWS_WITH_AS((void)file.fp16("c"),
                       (content.path().string() + ": no tensor 'c'; the file has a, b, none").c_str(),
                       safetensors_error);
}

TEST_CASE("safetensors: a truncated file is refused") {
  const std::string header = R"({"x":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}})";
  const std::string good = with_length(header, six_numbers);
  CHECK(complaint_about_file(good).empty());
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{8}, 7 + header.size(), good.size() - 1}) {
    CAPTURE(size);
    CHECK_FALSE(complaint_about_file(good.substr(0, size)).empty());
  }
  CHECK(says(complaint_about_file(good.substr(0, 20)), "truncated"));
  CHECK(says(complaint_about_file(good.substr(0, good.size() - 1)), "[0, 12], the file has 11 bytes of data"));
  CHECK(says(complaint_about_file(std::string(8, '\xff') + header), "truncated"));
  CHECK_THROWS_AS(safetensors{"/there/is/no/such/file"}, safetensors_error);
  CHECK_THROWS_AS(safetensors{"/"}, safetensors_error);
}

TEST_CASE("safetensors: a header that is not a description of tensors is refused") {
  CHECK(says(complaint_about_file(with_length("{\"x\":", "")), "not JSON"));
  CHECK(says(complaint_about_file(with_length("[1,2]", "")), "not a JSON object"));
  CHECK(says(complaint("17"), "not described"));
  CHECK(says(complaint(R"({"dtype":"F16","shape":[2,3]})"), "not described"));
  CHECK(says(complaint(R"({"dtype":"F16","shape":"2x3","data_offsets":[0,12]})"), "not described"));
}

TEST_CASE("safetensors: a wrong dtype is refused with its name") {
  CHECK(says(complaint(R"({"dtype":"F32","shape":[3],"data_offsets":[0,12]})"), "'x' has dtype F32, not F16"));
}

TEST_CASE("safetensors: data offsets that do not fit are refused") {
  CHECK(complaint(R"({"dtype":"F16","shape":[6],"data_offsets":[0,12]})").empty());
  CHECK(says(complaint(R"({"dtype":"F16","shape":[6],"data_offsets":[12,0]})"), "[12, 0]"));
  CHECK(says(complaint(R"({"dtype":"F16","shape":[6],"data_offsets":[2,14]})"), "[2, 14], the file has 12 bytes"));
  CHECK(says(complaint(R"({"dtype":"F16","shape":[5],"data_offsets":[0,12]})"), "12 bytes, its shape needs 5"));
  CHECK(says(complaint(R"({"dtype":"F16","shape":[5],"data_offsets":[0,11]})"), "11 bytes, its shape needs 5"));
  CHECK(says(complaint(R"({"dtype":"F16","shape":[5],"data_offsets":[1,11]})"), "odd address"));
  CHECK(says(complaint(R"({"dtype":"F16","shape":[-6],"data_offsets":[0,12]})"), "negative extent -6"));
  CHECK(says(complaint(R"({"dtype":"F16","shape":[4294967296,4294967296],"data_offsets":[0,0]})"), "overflows"));
}

TEST_SUITE_END();
