// Kernels, every way to launch them, what a launch refuses, and what can be asked about a kernel.
#include <hip/hip_ext.h>
#include <hip/hip_runtime.h>

#include <vector>

#include "check.hpp"

__global__ void add(const float* a, const float* b, float* c, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) c[i] = a[i] + b[i];
}

// Two-dimensional blocks, dynamic shared memory, barriers, and an atomic to join the blocks.
template <class T> __global__ void sum(const T* in, T* out, int n) {
  extern __shared__ char raw[];
  T* parts = reinterpret_cast<T*>(raw);
  const int threads = static_cast<int>(blockDim.x * blockDim.y);
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
  T own = 0;
  for (int i = static_cast<int>(blockIdx.x) * threads + thread; i < n; i += static_cast<int>(gridDim.x) * threads) {
    own += in[i];
  }
  parts[thread] = own;
  __syncthreads();
  for (int half = threads / 2; half > 0; half /= 2) {
    if (thread < half) parts[thread] += parts[thread + half];
    __syncthreads();
  }
  if (thread == 0) atomicAdd(out, parts[0]);
}

__global__ __launch_bounds__(128) void bounded(int* p) {
  __shared__ int values[8192];
  for (unsigned i = threadIdx.x; i < 8192; i += blockDim.x) values[i] = static_cast<int>(i) + p[0];
  __syncthreads();
  p[threadIdx.x] = values[threadIdx.x * 64];
}

static void ways_to_launch() {
  constexpr int n = 1000;
  constexpr size_t bytes = n * sizeof(float);
  float *a, *b, *c;
  HIP(hipMalloc(&a, bytes));
  HIP(hipMalloc(&b, bytes));
  HIP(hipMalloc(&c, bytes));
  std::vector<float> x(n), y(n), z(n);
  for (int i = 0; i < n; ++i) x[i] = static_cast<float>(i), y[i] = 0.5f * static_cast<float>(i);
  HIP(hipMemcpy(a, x.data(), bytes, hipMemcpyHostToDevice));
  HIP(hipMemcpy(b, y.data(), bytes, hipMemcpyHostToDevice));
  const auto adds = [&](auto launch) {
    HIP(hipMemset(c, 0, bytes));
    HIP(launch());
    HIP(hipMemcpy(z.data(), c, bytes, hipMemcpyDeviceToHost));
    for (int i = 0; i < n; ++i) CHECK(z[i] == 1.5f * static_cast<float>(i));
  };
  int count = n;
  void* arguments[] = {&a, &b, &c, &count};
  const void* kernel = reinterpret_cast<const void*>(add);
  adds([&] { return add<<<4, 256>>>(a, b, c, n), hipGetLastError(); });
  adds([&] { return hipLaunchKernel(kernel, dim3(4), dim3(256), arguments, 0, nullptr); });
  adds([&] { return hipExtLaunchKernel(kernel, dim3(4), dim3(256), arguments, 0, nullptr, nullptr, nullptr, 0); });
  adds([&] {
    hipExtLaunchKernelGGL(add, dim3(4), dim3(256), 0, nullptr, nullptr, nullptr, 0, a, b, c, count);
    return hipGetLastError();
  });
  adds([&] {
    hipLaunchConfig_t config{};
    config.gridDim = dim3(4);
    config.blockDim = dim3(256);
    return hipLaunchKernelExC(&config, kernel, arguments);
  });
  HIP(hipFree(a));
  HIP(hipFree(b));
  HIP(hipFree(c));
}

template <class T> static void sums(hipStream_t stream) {
  constexpr int n = 10000;
  std::vector<T> host(n);
  T wanted = 0, got = 0;
  for (int i = 0; i < n; ++i) wanted += host[i] = static_cast<T>(i % 7);
  T *in, *out;
  hipEvent_t before, after;
  HIP(hipMalloc(&in, n * sizeof(T)));
  HIP(hipMallocAsync(reinterpret_cast<void**>(&out), sizeof(T), stream));
  HIP(hipEventCreate(&before));
  HIP(hipEventCreate(&after));
  HIP(hipMemsetAsync(out, 0, sizeof(T), stream));
  HIP(hipMemcpyAsync(in, host.data(), n * sizeof(T), hipMemcpyHostToDevice, stream));
  HIP(hipEventRecord(before, stream));
  sum<T><<<dim3(8), dim3(32, 8), 256 * sizeof(T), stream>>>(in, out, n);
  HIP(hipGetLastError());
  HIP(hipEventRecord(after, stream));
  HIP(hipEventSynchronize(after));
  float milliseconds = -1;
  HIP(hipEventElapsedTime(&milliseconds, before, after));
  CHECK(milliseconds >= 0);
  HIP(hipMemcpyAsync(&got, out, sizeof(T), hipMemcpyDeviceToHost, stream));
  HIP(hipStreamSynchronize(stream));
  CHECK(got == wanted);
  HIP(hipFreeAsync(out, stream));
  HIP(hipFree(in));
  HIP(hipEventDestroy(before));
  HIP(hipEventDestroy(after));
}

static void attributes(const hipDeviceProp_t& device) {
  const void* kernel = reinterpret_cast<const void*>(bounded);
  hipFuncAttributes attributes;
  HIP(hipFuncGetAttributes(&attributes, kernel));
  CHECK(attributes.sharedSizeBytes == 32768);
  CHECK(attributes.maxThreadsPerBlock == 128);
  CHECK(attributes.numRegs > 0 && attributes.numRegs <= 256);
  int value = -1, grid = 0, block = 0;
  HIP(hipOccupancyMaxActiveBlocksPerMultiprocessor(&value, bounded, 128, 0));
  CHECK(value == static_cast<int>(device.maxSharedMemoryPerMultiProcessor / 32768));
  HIP(hipOccupancyMaxActiveBlocksPerMultiprocessor(&value, add, 256, 0));
  CHECK(value == 2048 / 256);
  HIP(hipOccupancyMaxPotentialBlockSize(&grid, &block, add, 0, 0));
  CHECK(block == 1024 && grid >= device.multiProcessorCount);
  const int all = static_cast<int>(device.sharedMemPerBlock);
  HIP(hipFuncSetAttribute(reinterpret_cast<const void*>(add), hipFuncAttributeMaxDynamicSharedMemorySize, all));
  GIVES(hipFuncSetAttribute(kernel, hipFuncAttributeMaxDynamicSharedMemorySize, all), hipErrorInvalidValue);
  (void)hipGetLastError();
  HIP(hipDeviceGetAttribute(&value, hipDeviceAttributeWarpSize, 0));
  CHECK(value == device.warpSize && (value == 32 || value == 64));
}

static void limits() {
  int* p;
  HIP(hipMalloc(&p, 4096));
  HIP(hipMemset(p, 0, 4096));
  bounded<<<0, 64>>>(p);
  GIVES(hipGetLastError(), hipErrorInvalidConfiguration);
  bounded<<<1, 2048>>>(p);
  GIVES(hipGetLastError(), hipErrorInvalidConfiguration);
  bounded<<<1, 256>>>(p);
  GIVES(hipGetLastError(), hipErrorLaunchFailure);
  bounded<<<1, 128, 256 * 1024>>>(p);
  GIVES(hipGetLastError(), hipErrorInvalidValue);
  bounded<<<1, 128>>>(p);
  int host[128];
  HIP(hipMemcpy(host, p, sizeof host, hipMemcpyDeviceToHost));
  CHECK(host[127] == 127 * 64);
  HIP(hipFree(p));
}

int main() {
  hipDeviceProp_t device;
  HIP(hipGetDeviceProperties(&device, 0));
  ways_to_launch();
  hipStream_t stream;
  HIP(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
  sums<int>(stream);
  sums<double>(nullptr);
  HIP(hipStreamDestroy(stream));
  attributes(device);
  limits();
  std::printf("launched on %s, wave size %d\n", device.gcnArchName, device.warpSize);
}
