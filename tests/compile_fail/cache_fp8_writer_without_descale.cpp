// expect: an fp8 KV cache cannot be written without its descale
#include <paragon/view/paged_kv_writer.hpp>

using namespace paragon;

void f(fp8_e4m3fn* pages, const kv_shape& shape) {
  const paged_kv_writer<fp8_e4m3fn> allowed{pages, pages, shape, per_tensor{0.5f, 0.25f}};
  static_cast<void>(allowed);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
  const paged_kv_writer<fp8_e4m3fn> refused{pages, pages, shape};
  static_cast<void>(refused);
#endif
}
