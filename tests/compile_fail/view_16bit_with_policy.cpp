// expect: a 16-bit KV cache holds real numbers: it takes no descale policy
#include <paragon/view/view.hpp>

using namespace paragon;

inline constexpr kv_shape shape{4, 16, 2, 128};
auto f(const fp16* k) { return paged_kv<fp16, nhd>{k, k, shape}; }
#ifndef PARAGON_COMPILE_FAIL_CONTROL
auto g(const fp16* k) { return paged_kv<fp16, nhd, per_tensor>{k, k, shape}; }
#endif
