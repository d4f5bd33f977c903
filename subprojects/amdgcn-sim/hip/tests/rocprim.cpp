// A rocPRIM device algorithm whose workgroups look back at each other.
#include <hip/hip_runtime.h>

#include <numeric>
#include <rocprim/device/device_scan.hpp>
#include <rocprim/functional.hpp>
#include <vector>

#include "check.hpp"

int main() {
  constexpr size_t n = 50000;
  std::vector<int> host(n), got(n), wanted(n);
  for (size_t i = 0; i < n; ++i) host[i] = static_cast<int>(i * 37 % 101);
  std::exclusive_scan(host.begin(), host.end(), wanted.begin(), 11);
  int *in, *out;
  HIP(hipMalloc(&in, n * sizeof(int)));
  HIP(hipMalloc(&out, n * sizeof(int)));
  HIP(hipMemcpy(in, host.data(), n * sizeof(int), hipMemcpyHostToDevice));
  size_t bytes = 0;
  void* temporary = nullptr;
  const auto scan = [&] { return rocprim::exclusive_scan(temporary, bytes, in, out, 11, n, rocprim::plus<int>()); };
  HIP(scan());
  HIP(hipMalloc(&temporary, bytes));
  HIP(scan());
  HIP(hipDeviceSynchronize());
  HIP(hipMemcpy(got.data(), out, n * sizeof(int), hipMemcpyDeviceToHost));
  CHECK(got == wanted);
  HIP(hipFree(temporary));
  HIP(hipFree(in));
  HIP(hipFree(out));
}
