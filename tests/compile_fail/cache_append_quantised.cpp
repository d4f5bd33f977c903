// expect: append_source
#include <paragon/cache/append.hpp>

using namespace paragon;

status f(const heads_view<const bf16>& real, const paged_kv_writer<fp8_e4m3fn>& cache, const slot_mapping& slots) {
  return append(real, real, cache, slots, nullptr);
}
#ifndef PARAGON_COMPILE_FAIL_CONTROL
status g(const heads_view<const fp8_e4m3fn>& stored, const paged_kv_writer<fp8_e4m3fn>& cache,
         const slot_mapping& slots) {
  return append(stored, stored, cache, slots, nullptr);
}
#endif
