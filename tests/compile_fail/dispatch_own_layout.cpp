// expect: a list for dispatch holds layouts nhd and hnd
#include <paragon/dispatch/dispatch.hpp>

using namespace paragon;

struct rows : nhd {};

using allowed = dispatch<decode_config<bf16, bf16, nhd, 64>>::request;
#ifndef PARAGON_COMPILE_FAIL_CONTROL
using refused = dispatch<decode_config<bf16, bf16, rows, 64>>::request;
#endif
