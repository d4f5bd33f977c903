// expect: the descale given is not of the cache's policy
#include <paragon/view/paged_kv_writer.hpp>

using namespace paragon;

void f(fp8_e4m3fnuz* pages, const kv_shape& shape, float* factors, const page_strides& strides) {
  const paged_kv_writer<fp8_e4m3fnuz, nhd, per_token_head> allowed{pages, pages, shape,
                                                                   per_token_head_target{factors, factors, strides}};
  static_cast<void>(allowed);
#ifndef PARAGON_COMPILE_FAIL_CONTROL
  // Factors that are only read cannot be those that appending finds.
  const paged_kv_writer<fp8_e4m3fnuz, nhd, per_token_head> refused{pages, pages, shape,
                                                                   per_token_head{factors, factors, strides}};
  static_cast<void>(refused);
#endif
}
