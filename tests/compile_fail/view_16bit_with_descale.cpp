// expect: a 16-bit KV cache holds real numbers: it takes no descale
#include <paragon/view/view.hpp>

using namespace paragon;

inline constexpr kv_shape shape{4, 16, 2, 128};
auto f(const bf16* k) { return paged_kv<bf16>{k, k, shape}; }
#ifndef PARAGON_COMPILE_FAIL_CONTROL
auto g(const bf16* k) { return paged_kv<bf16>{k, k, shape, per_tensor{0.5f, 0.25f}}; }
#endif
