#include <paragon/types.hpp>

#include <cstdio>

float other_unit(float value);

// One value through both translation units: bf16 keeps 8 significant bits.
int main() {
  const float rounded = other_unit(1.0f + 1.0f / 256 + 1.0f / 512);
  std::printf("paragon: %g\n", static_cast<double>(rounded));
  return rounded == static_cast<float>(paragon::bf16(rounded)) && rounded == 1.0078125f ? 0 : 1;
}
