// The devices: how many there are, and which one a thread uses.
#pragma once

#include "hip.hpp"

namespace hip_sim {

int device_count();
int current_device();
bool is_device(int device);

}  // namespace hip_sim
