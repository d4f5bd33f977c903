// expect: ignoring return.*nodiscard
#include "paragon/types.hpp"

paragon::status work() { return paragon::status::success(); }

int main() {
  const paragon::status allowed = work();
#ifndef PARAGON_COMPILE_FAIL_CONTROL
  work();
#endif
  return allowed.ok() ? 0 : 1;
}
