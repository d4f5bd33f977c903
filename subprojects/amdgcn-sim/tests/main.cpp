// usage: executor_test kernels.co   Runs every test kernel and compares with plain code. VERBOSE=1 shows all checks.
#include <fstream>
#include <iterator>

#include "harness.hpp"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s code_object\n", argv[0]);
    return 2;
  }
  std::ifstream f(argv[1], std::ios::binary);
  Vec<char> b((std::istreambuf_iterator<char>(f)), {});
  mod = amdgcn_sim_load(b.data(), b.size(), err, sizeof err);
  if (!mod) {
    std::printf("FAIL %s: %s\n", argv[1], err);
    return 1;
  }
  arch = amdgcn_sim_arch(mod);
  test_basic();
  test_lanes();
  test_numbers();
  test_matrix();
  test_checks();
  std::printf("%s: %d checks, %d failed\n", arch.c_str(), done, failures);
  amdgcn_sim_unload(mod);
  return failures != 0;
}
