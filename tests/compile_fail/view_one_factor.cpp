// expect: per_tensor
#include <paragon/view/view.hpp>

using namespace paragon;

inline constexpr kv_shape shape{4, 16, 2, 128};
auto f(const fp8_e4m3fn* k) { return paged_kv<fp8_e4m3fn>{k, k, shape, per_tensor{0.5f, 0.25f}}; }
#ifndef PARAGON_COMPILE_FAIL_CONTROL
auto g(const fp8_e4m3fn* k) { return paged_kv<fp8_e4m3fn>{k, k, shape, per_tensor{0.5f}}; }
#endif
