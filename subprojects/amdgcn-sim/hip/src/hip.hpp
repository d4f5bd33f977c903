// The HIP headers, as every file of the runtime includes them.
#pragma once

// The standard library first: the HIP headers define macros that its newer versions trip over.
#include <hip/hip_runtime_api.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#if HIP_VERSION < 70000000
#error "the headers of HIP 7 are needed"
#endif

/// A function of the real runtime.
#define HIP_SIM_API extern "C" __attribute__((visibility("default")))
