// expect: ignoring return.*nodiscard
#include <paragon/decode/decode.hpp>

using namespace paragon;

using step = decode<decode_config<bf16, bf16, nhd, 128>>;

status f(const step::arguments& a, const workspace& w) { return step::run(a, w, {}); }
#ifndef PARAGON_COMPILE_FAIL_CONTROL
void g(const step::arguments& a, const workspace& w) { step::run(a, w, {}); }
#endif
