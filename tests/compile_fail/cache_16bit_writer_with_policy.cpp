// expect: a 16-bit KV cache holds real numbers: it takes no descale policy
#include <paragon/view/paged_kv_writer.hpp>

using namespace paragon;

inline constexpr std::size_t allowed = sizeof(paged_kv_writer<fp16, hnd>);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
inline constexpr std::size_t refused = sizeof(paged_kv_writer<fp16, hnd, per_head>);
#endif
