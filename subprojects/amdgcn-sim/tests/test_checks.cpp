// What the executor reports, and what it leaves in registers and memory that nobody wrote.
#include "harness.hpp"

namespace {
void level_two() {
  if (!has("level_two")) return;
  Vec<unsigned> o(128);
  bool ok = launch("level_two", {1}, {64}, args(o.data()));
  for (unsigned i = 0; i < 64; i++) ok &= o[64 + i] == (i ^ 1);
  report("level two write-back and invalidation", ok);
}

void unwritten_registers() {
  Vec<unsigned> o(192);
  bool ok = launch("unwritten", {1}, {64}, args(o.data()));
  for (unsigned i = 0; i < 64; i++)
    ok &= o[i] == 0xffc5ffc5 && o[64 + i] == 0xffc5ffc5 && o[128 + i] == (i % 2 ? 5 : 0xffc5ffc5);
  report("registers nobody wrote hold a NaN", ok);
}

void unwritten_lds() {
  Vec<unsigned> o(64);
  bool ok = launch("unwritten_lds", {1}, {64}, args(o.data()));
  for (unsigned v : o) ok &= v == 0xeeeeeeee;
  report("LDS nobody wrote holds a pattern", ok);
}

void reports() {
  unsetenv("AMDGCN_SIM_CHECK");  // of whoever runs the test
  Vec<int> o(512, -1);
  auto expect = [&](const char* what, bool ran, const char* msg) {
    std::string e = err;
    bool ok = !ran && e.find(msg) != std::string::npos;
    report(what, ok, ok ? e : "expected: " + std::string(msg) + "; got: " + (ran ? "no error" : e));
  };
  expect("LDS out of bounds is reported", launch("lds_oob", {1}, {256}, args(o.data(), 1), 1024),
         "LDS access out of bounds");
  report("LDS in bounds", launch("lds_oob", {1}, {256}, args(o.data(), 0), 1024));
  bool ran = launch("racy", {1}, {256}, args(o.data()));
  report("race without the detector", ran);
  setenv("AMDGCN_SIM_CHECK", "1", 1);
  expect("LDS race is reported", launch("racy", {1}, {256}, args(o.data())), "LDS race");
  Vec<int> x(768), y(768);
  report("no false race", launch("dynlds", {3}, {256}, args(x.data(), y.data(), 256), 1024));
  unsetenv("AMDGCN_SIM_CHECK");
  std::fill(o.begin(), o.end(), -1);
  amdgcn_sim_register_alloc(o.data(), 64 * 4);
  report("registered allocation", launch("store_at", {1}, {64}, args(o.data(), 0)));
  std::fill(o.begin(), o.end(), -1);
  expect("store outside of allocations is reported", launch("store_at", {1}, {64}, args(o.data(), 63)),
         "outside of every registered allocation");
  bool clean = true;
  for (int v : o) clean &= v == -1;
  report("nothing was written", clean);
  amdgcn_sim_unregister_alloc(o.data());
  expect("a missing instruction is named", launch("unsupported", {1}, {64}, args(o.data())), "not implemented: ");
  expect("running off the code is reported", launch("runs_off", {1}, {64}, args(o.data())), "control ran off the code");
  expect("null pointer is reported", launch("store_at", {1}, {64}, args((int*)nullptr, 1)), "invalid global address");
  expect("too large a workgroup is reported", launch("store_at", {1}, {128}, args(o.data(), 1)), "at most 64");
  auto* k = amdgcn_sim_find_kernel(mod, "vadd");
  amdgcn_sim_stats s;
  amdgcn_sim_get_stats(k, &s);
  report("statistics", s.launches == 1 && s.workgroups == 20 && s.instructions > 1000);
}
}  // namespace

void test_checks() {
  level_two();
  unwritten_registers();
  unwritten_lds();
  reports();
}
