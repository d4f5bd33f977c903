#pragma once

/// The whole library but what only some users need: the float64 reference (paragon/reference/) and drop-in entry points
/// (paragon/compat/).

#include <paragon/cache/append.hpp>
#include <paragon/cache/scale.hpp>
#include <paragon/decode/decode.hpp>
#include <paragon/dispatch/dispatch.hpp>
#include <paragon/merge/merge_states.hpp>
#include <paragon/types.hpp>
#include <paragon/view/view.hpp>
