#include <paragon/types.hpp>

float other_unit(float value);

float other_unit(float value) { return static_cast<float>(paragon::bf16(value)); }
