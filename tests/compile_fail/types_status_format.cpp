// expect: format
#include "paragon/types.hpp"

inline const auto allowed = paragon::status::failure(paragon::status_code::bad_shape, "head_dim is %d", 12);

#ifndef PARAGON_COMPILE_FAIL_CONTROL
inline const auto refused = paragon::status::failure(paragon::status_code::bad_shape, "head_dim is %d", "twelve");
#endif
