// expect: the log-sum-exps of all states and of the result must have the same base
#include <paragon/merge/merge_states.hpp>

using namespace paragon;

status f(const attention_state_stack<float, false>& states, const attention_state<bf16, false>& out) {
  return merge_states(states, out, 64, nullptr);
}
#ifndef PARAGON_COMPILE_FAIL_CONTROL
status g(const attention_state_stack<float, true>& states, const attention_state<bf16, false>& out) {
  return merge_states(states, out, 64, nullptr);
}
#endif
