// expect: the configurations of a list for dispatch have one variant in common
#include <paragon/dispatch/dispatch.hpp>

using namespace paragon;

using allowed = dispatch<decode_config<bf16, bf16, nhd, 64>>::request;
#ifndef PARAGON_COMPILE_FAIL_CONTROL
using refused = dispatch<decode_config<bf16, bf16, nhd, 64>,
                         decode_config<bf16, bf16, nhd, 128, unscaled, variant<soft_cap>>>::request;
#endif
