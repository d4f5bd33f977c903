#pragma once

/// @file
/// The one header through which kernels and host code see a machine: the same names for AMD, NVIDIA and the CPU.
/// host/*.hpp documents each name; the other platforms keep to that.

#include "paragon/platform/macros.hpp"
#include "paragon/platform/target.hpp"

#if PARAGON_PLATFORM_AMD
#include "paragon/platform/amd.hpp"
#elif PARAGON_PLATFORM_NVIDIA
#include "paragon/platform/nvidia.hpp"
#else
#include "paragon/platform/host.hpp"
#endif
