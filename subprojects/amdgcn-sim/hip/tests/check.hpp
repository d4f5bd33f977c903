// Checks for the test programs, which are ordinary HIP programs: nothing in them knows the simulator.
#pragma once
#include <cstdio>
#include <cstdlib>

#define FAIL(...)                                        \
  do {                                                   \
    std::fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
    std::fprintf(stderr, __VA_ARGS__);                   \
    std::fprintf(stderr, "\n");                          \
    std::exit(1);                                        \
  } while (0)

#define GIVES(call, wanted)                                                                      \
  do {                                                                                           \
    const hipError_t given_ = (call);                                                            \
    if (given_ != (wanted)) FAIL("%s gave %s, not %s", #call, hipGetErrorName(given_), #wanted); \
  } while (0)

#define HIP(call) GIVES(call, hipSuccess)

#define CHECK(condition)                                \
  do {                                                  \
    if (!(condition)) FAIL("not true: %s", #condition); \
  } while (0)
