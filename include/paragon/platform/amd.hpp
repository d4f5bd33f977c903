#pragma once

/// @file
/// AMD GPUs through HIP: CDNA (gfx90a, gfx942, gfx950), RDNA3 (gfx11xx) and RDNA4 (gfx1200, gfx1201).
/// host/*.hpp documents each name; here stands what is particular to these devices.

#include "paragon/platform/amd/arithmetic.hpp"
#include "paragon/platform/amd/device.hpp"
#include "paragon/platform/amd/fp8.hpp"
#include "paragon/platform/amd/launch.hpp"
#include "paragon/platform/amd/memory.hpp"
#include "paragon/platform/amd/scan.hpp"
#include "paragon/platform/amd/wave.hpp"
