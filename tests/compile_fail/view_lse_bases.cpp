// expect: lse_view<true>.*lse_view<false>|lse_base2.*lse_natural
#include <paragon/view/view.hpp>

using namespace paragon;

inline constexpr kv_shape shape{4, 16, 2, 128};
lse_natural f(float* data) { return lse_natural{data, 8}; }
#ifndef PARAGON_COMPILE_FAIL_CONTROL
lse_natural g(float* data) { return lse_base2{data, 8}; }
#endif
