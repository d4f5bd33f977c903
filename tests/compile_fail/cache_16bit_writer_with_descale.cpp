// expect: a 16-bit KV cache holds real numbers: it takes no descale
#include <paragon/view/paged_kv_writer.hpp>

using namespace paragon;

void f(bf16* pages, const kv_shape& shape) {
  const paged_kv_writer<bf16> allowed{pages, pages, shape};
  static_cast<void>(allowed);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
  const paged_kv_writer<bf16> refused{pages, pages, shape, per_tensor{0.5f, 0.25f}};
  static_cast<void>(refused);
#endif
}
