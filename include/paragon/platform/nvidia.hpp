#pragma once

/// @file
/// NVIDIA GPUs of compute capability 8.0 and later, through CUDA.
/// host/*.hpp documents each name; here stands what is particular to these devices.

#include "paragon/platform/nvidia/arithmetic.hpp"
#include "paragon/platform/nvidia/device.hpp"
#include "paragon/platform/nvidia/fp8.hpp"
#include "paragon/platform/nvidia/launch.hpp"
#include "paragon/platform/nvidia/memory.hpp"
#include "paragon/platform/nvidia/scan.hpp"
#include "paragon/platform/nvidia/wave.hpp"
