#pragma once

#include <paragon/platform/macros.hpp>

#if !PARAGON_PLATFORM_NVIDIA
#include <paragon/mma/cdna.hpp>
#include <paragon/mma/rdna3.hpp>
#include <paragon/mma/rdna4.hpp>
#endif
#if !PARAGON_PLATFORM_AMD
#include <paragon/mma/sm80.hpp>
#endif
