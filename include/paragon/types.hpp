#pragma once

/// @file
/// All storage types, their traits, their interoperation with HIP and CUDA, and the status value.

#include "paragon/types/bf16.hpp"
#include "paragon/types/fp16.hpp"
#include "paragon/types/fp8.hpp"
#include "paragon/types/interop.hpp"
#include "paragon/types/kv_dtype.hpp"
#include "paragon/types/status.hpp"
