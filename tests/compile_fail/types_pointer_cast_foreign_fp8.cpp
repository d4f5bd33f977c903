// expect: same_storage
#include "paragon/types.hpp"

paragon::fp8_e4m3fnuz* allowed(__hip_fp8_e4m3_fnuz* pages) {
  return paragon::pointer_cast<paragon::fp8_e4m3fnuz>(pages);
}

#ifndef PARAGON_COMPILE_FAIL_CONTROL
paragon::fp8_e4m3fnuz* refused(__hip_fp8_e4m3* pages) { return paragon::pointer_cast<paragon::fp8_e4m3fnuz>(pages); }
#endif
