#include <doctest/doctest.h>

#include "matrix.hpp"

TEST_CASE("bf16 queries, bf16 cache: head dims, groups, pages, layouts, variants") {
  paragon_test::matrix::run_types<paragon::bf16, paragon::bf16, 0>();
}
