#pragma once

#include <paragon/mma/cdna.hpp>
#include <paragon/mma/rdna3.hpp>
#include <paragon/mma/rdna4.hpp>
#include <paragon/mma/sm80.hpp>
