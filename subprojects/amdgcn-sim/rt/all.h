// The definitions of all lane functions, for the libraries of them.
#pragma once
#include "cross_lane.h"
#include "lanes.h"
#include "matrix.h"
#include "memory.h"
