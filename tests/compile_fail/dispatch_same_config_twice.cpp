// expect: a list for dispatch holds the same configuration twice
#include <paragon/dispatch/dispatch.hpp>

using namespace paragon;

using allowed = dispatch<decode_config<bf16, bf16, nhd, 64>, decode_config<bf16, bf16, nhd, 128>>::request;
#ifndef PARAGON_COMPILE_FAIL_CONTROL
using refused = dispatch<decode_config<bf16, bf16, nhd, 64>, decode_config<bf16, bf16, nhd, 128>,
                         decode_config<bf16, bf16, nhd, 64>>::request;
#endif
