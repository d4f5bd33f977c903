// Mistakes in kernels have to be noticed, and then no call succeeds any more. The argument says which one is made.
#undef NDEBUG
#include <hip/hip_runtime.h>

#include <cassert>
#include <string>

#include "check.hpp"

__global__ void put(int* p, int first) { p[first + static_cast<int>(threadIdx.x)] = 1; }

__global__ void claim(int* p, int n) {
  assert(n == 5);
  p[0] = 1;
}

__global__ void race(int* p) {
  __shared__ int values[64];
  values[threadIdx.x % 64] = static_cast<int>(threadIdx.x);
  p[threadIdx.x % 63] = values[63 - threadIdx.x % 64];  // no barrier between the waves
}

int main(int, char** argv) {
  const std::string mistake = argv[1];
  int *p, host[64] = {};
  HIP(hipMalloc(&p, 63 * sizeof(int)));
  if (mistake == "over") put<<<1, 64>>>(p, 0);
  if (mistake == "under") put<<<1, 64>>>(p, -1);
  if (mistake == "freed") {
    HIP(hipFree(p));
    put<<<1, 63>>>(p, 0);
  }
  if (mistake == "host") put<<<1, 64>>>(host, 0);
  if (mistake == "null") put<<<1, 64>>>(nullptr, 0);
  if (mistake == "assert") claim<<<1, 1>>>(p, 6);
  if (mistake == "race") race<<<1, 256>>>(p);
  const hipError_t noticed = hipDeviceSynchronize();
  if (noticed != hipSuccess) {
    CHECK(hipMemcpy(host, host + 1, 4, hipMemcpyHostToHost) != hipSuccess);
    CHECK(hipGetLastError() != hipSuccess);
  }
  std::printf("the device says %s\n", hipGetErrorName(noticed));
  return noticed == hipSuccess ? 0 : 3;
}
