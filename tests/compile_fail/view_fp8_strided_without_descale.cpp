// expect: an fp8 KV cache cannot be read without its descale: pass the layer.s own factors
#include <paragon/view/view.hpp>

using namespace paragon;

inline constexpr kv_shape shape{4, 16, 2, 128};
auto f(paged_tensor<fp8_e4m3fnuz> k) { return paged_kv<fp8_e4m3fnuz, hnd>{k, k, shape, per_tensor{0.5f, 0.25f}}; }
#ifndef PARAGON_COMPILE_FAIL_CONTROL
auto g(paged_tensor<fp8_e4m3fnuz> k) { return paged_kv<fp8_e4m3fnuz, hnd>{k, k, shape}; }
#endif
