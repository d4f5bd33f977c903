#include <doctest/doctest.h>

#include "matrix.hpp"

TEST_CASE("fp16 queries, fp16 cache: head dims, groups, pages, layouts, variants") {
  paragon_test::matrix::run_types<paragon::fp16, paragon::fp16, 1>();
}
