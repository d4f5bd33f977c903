#include <doctest/doctest.h>

#include "matrix.hpp"

TEST_CASE("fp16 queries, fp8_e4m3fn cache: head dims, groups, pages, layouts, variants") {
  paragon_test::matrix::run_types<paragon::fp16, paragon::fp8_e4m3fn, 3>();
}
