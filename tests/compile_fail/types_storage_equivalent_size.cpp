// expect: a storage_equivalent must have the size and the alignment of the storage type it names
#include "paragon/types.hpp"

struct wide {
  float value;
};
struct narrow {
  unsigned char value;
};
template <> struct paragon::storage_equivalent<wide> { using type = paragon::fp16; };
template <> struct paragon::storage_equivalent<narrow> { using type = paragon::fp8_e4m3fn; };

paragon::fp8_e4m3fn* allowed(narrow* pointer) { return paragon::pointer_cast<paragon::fp8_e4m3fn>(pointer); }

#ifndef PARAGON_COMPILE_FAIL_CONTROL
paragon::fp16* refused(wide* pointer) { return paragon::pointer_cast<paragon::fp16>(pointer); }
#endif
