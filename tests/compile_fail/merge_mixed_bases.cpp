// expect: the log-sum-exps of all states and of the result must have the same base
#include <paragon/merge/merge_states.hpp>

using namespace paragon;

status f(const attention_state<const float, true>& a, const attention_state<float, true>& b,
         const attention_state<bf16, true>& out) {
  return merge_states(a, b, out, 64, nullptr);
}
#ifndef PARAGON_COMPILE_FAIL_CONTROL
status g(const attention_state<const float, true>& a, const attention_state<float, false>& b,
         const attention_state<bf16, true>& out) {
  return merge_states(a, b, out, 64, nullptr);
}
#endif
