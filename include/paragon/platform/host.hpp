#pragma once

/// @file
/// The platform that runs kernels on the CPU, from the same source as on a GPU. It exists to test them on any machine,
/// under sanitizers: lanes are fibers that meet at wave operations and barriers, workgroups run on threads, and what a
/// GPU leaves undefined is made to fail (shared memory starts as NaN, misaligned vector accesses, lanes of a wave at
/// different operations and shuffles from lanes that do not exist end the program with a message).
/// Needs Boost.Context at link time (-lboost_context) and threads.

#include "paragon/platform/host/arithmetic.hpp"
#include "paragon/platform/host/launch.hpp"
#include "paragon/platform/host/memory.hpp"
#include "paragon/platform/host/scan.hpp"
#include "paragon/platform/host/wave.hpp"
