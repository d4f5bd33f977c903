// expect: the KV element type must be
#include <paragon/view/view.hpp>

using namespace paragon;

inline constexpr kv_shape shape{4, 16, 2, 128};
auto f(const fp16* k) { return paged_kv<fp16>{k, k, shape}; }
#ifndef PARAGON_COMPILE_FAIL_CONTROL
auto g(const signed char* k) { return paged_kv<signed char>{k, k, shape}; }
#endif
