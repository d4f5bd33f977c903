// What a kernel has besides its arguments: variables of the module, and printf. A failing assert is in fault.cpp.
#include <hip/hip_runtime.h>

#include "check.hpp"

__device__ int counter = 5;
__device__ float table[64];
__constant__ int scale[4] = {1, 2, 3, 4};
__managed__ int managed = 7;

__global__ void use(int* out) {
  const unsigned i = threadIdx.x;
  out[i] = scale[i & 3] * 10 + static_cast<int>(table[i]);
  atomicAdd(&counter, 1);
  if (i == 0) managed += 100;
}

__device__ const char word[] = "word";
__global__ void print(long long large, unsigned char small, double number, const char* text) {
  if (threadIdx.x != 3) return;
  printf("a text of several packets, block %d: %lld %u %#x %5.2f|%-8s|%c %% %s\n", static_cast<int>(blockIdx.x), large,
         small, 255u, number, text, 'z', word);
}

static void variables() {
  float values[64];
  for (int i = 0; i < 64; ++i) values[i] = 1000.f * static_cast<float>(i);
  HIP(hipMemcpyToSymbol(HIP_SYMBOL(table), values, sizeof values));
  const int forty = 40;
  HIP(hipMemcpyToSymbol(HIP_SYMBOL(scale), &forty, sizeof forty, 3 * sizeof(int)));
  size_t size = 0;
  HIP(hipGetSymbolSize(&size, HIP_SYMBOL(table)));
  CHECK(size == sizeof table);
  void* address = nullptr;
  HIP(hipGetSymbolAddress(&address, HIP_SYMBOL(counter)));
  int value = -1;
  HIP(hipMemcpy(&value, address, sizeof value, hipMemcpyDeviceToHost));
  CHECK(value == 5);
  CHECK(managed == 7);
  int *out, got[64];
  HIP(hipMalloc(&out, sizeof got));
  use<<<1, 64>>>(out);
  HIP(hipDeviceSynchronize());
  HIP(hipMemcpy(got, out, sizeof got, hipMemcpyDeviceToHost));
  const int wanted[4] = {1, 2, 3, 40};
  for (int i = 0; i < 64; ++i) CHECK(got[i] == wanted[i & 3] * 10 + 1000 * i);
  HIP(hipMemcpyFromSymbol(&value, HIP_SYMBOL(counter), sizeof value));
  CHECK(value == 5 + 64);
  CHECK(managed == 107);
  GIVES(hipMemcpyToSymbol(HIP_SYMBOL(scale), values, 32), hipErrorInvalidValue);
  (void)hipGetLastError();
  HIP(hipFree(out));
}

int main() {
  variables();
  char* text;
  HIP(hipMalloc(&text, 8));
  HIP(hipMemcpy(text, "abc", 4, hipMemcpyHostToDevice));
  print<<<2, 64>>>(-1234567890123ll, 200, 3.14159, text);
  HIP(hipDeviceSynchronize());
  HIP(hipFree(text));
}
