// expect: variant<.*soft_cap
#include <paragon/dispatch/dispatch.hpp>

using namespace paragon;

using plain = dispatch<decode_config<bf16, bf16, nhd, 64>>;
using capped = dispatch<decode_config<bf16, bf16, nhd, 64, unscaled, variant<soft_cap>>>;

status f(const plain::request& r, std::size_t& bytes) { return plain::workspace_size(r, bytes); }
#ifndef PARAGON_COMPILE_FAIL_CONTROL
status g(const plain::request& r, std::size_t& bytes) { return capped::workspace_size(r, bytes); }
#endif
