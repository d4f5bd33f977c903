#include <cstdio>
#include <paragon/paragon.hpp>

paragon::status measure_elsewhere(const paragon::kv_amax& amax);

// The same kernel in both translation units. That it is refused instead of launched needs no device.
int main() {
  const paragon::kv_amax nowhere{nullptr, nullptr, 1};
  const auto none = paragon::contiguous_heads(static_cast<const float*>(nullptr), 1, 1, 8);
  const paragon::status here = paragon::measure_amax(none, 8, none, 8, nowhere, {});
  const paragon::status there = measure_elsewhere(nowhere);
  std::printf("%s; %s\n", here.message(), there.message());
  return here.code() == paragon::status_code::null_pointer && there.code() == here.code() ? 0 : 1;
}
