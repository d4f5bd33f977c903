#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <type_traits>

#include "paragon/types/status.hpp"

using paragon::status;
using paragon::status_code;

TEST_CASE("success is the default and says nothing") {
  static_assert(status{}.ok() && status::success().code() == status_code::ok);
  const status result = status::success();
  CHECK(result.ok());
  CHECK(static_cast<bool>(result));
  CHECK(std::string_view(result.message()).empty());
}

TEST_CASE("a failure carries its code and its sentence") {
  const status result = status::failure(status_code::bad_shape, "page_size is %d; it must be at least %d", -3, 1);
  CHECK_FALSE(result.ok());
  CHECK_FALSE(static_cast<bool>(result));
  CHECK(result.code() == status_code::bad_shape);
  CHECK(std::string_view(result.message()) == "page_size is -3; it must be at least 1");
}

TEST_CASE("a status is a value: its sentence outlives what it was made from") {
  static_assert(std::is_trivially_copyable_v<status> && !std::is_convertible_v<status, bool>);
  status kept;
  {
    std::string name = "a name on the heap that is gone when the sentence is read";
    kept = status::failure(status_code::unsupported_dtype, "%s", name.c_str());
    name.assign(name.size(), '#');
  }
  const status copy = kept;
  CHECK(std::string_view(copy.message()) == "a name on the heap that is gone when the sentence is read");
}

TEST_CASE("a sentence that does not fit is cut and shows it") {
  const std::string fits(511, 'a');
  CHECK(std::string_view(status::failure(status_code::not_in_list, "%s", fits.c_str()).message()) == fits);
  const std::string one_too_many(512, 'a');
  const status cut = status::failure(status_code::not_in_list, "%s", one_too_many.c_str());
  CHECK(std::string_view(cut.message()) == std::string(508, 'a') + "...");
}
