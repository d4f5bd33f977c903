// What can be asked about a kernel: its resources, and how many of its blocks fit on a compute unit.
#include "devices.hpp"
#include "errors.hpp"
#include "module.hpp"
#include "options.hpp"

namespace hip_sim {
namespace {

constexpr int simds = 4;

int version() { return simulated_processor().major * 10 + simulated_processor().minor; }
int free_lds(const ihipModuleSymbol_t& kernel) {
  return static_cast<int>(simulated_processor().lds - kernel.kernel->lds_size);
}

int waves_per_simd(const amdgcn_sim_kernel& kernel, int wave_size) {
  const processor& chip = simulated_processor();
  // In units of the default wave size: a wave of 64 takes twice the registers of one of 32.
  const int share = wave_size / chip.wave_size;
  const int granule = chip.register_granule / share, total = chip.registers / share;
  int registers = static_cast<int>(kernel.vgpr_count);
  const int accumulators = static_cast<int>(kernel.agpr_count);
  // One file holds both kinds; accumulators start at a multiple of four.
  if (accumulators > 0 && registers <= 256) {
    registers = std::max(registers, (registers - accumulators + 3) / 4 * 4 + accumulators);
  }
  if (registers == 0) return chip.waves_per_simd;
  return std::clamp(total / ((registers + granule - 1) / granule * granule), 1, chip.waves_per_simd);
}

struct fit {
  int threads;  ///< that registers leave room for on a compute unit
  int blocks_by_lds;
  int wave_size;

  int blocks(int block) const {
    const int whole_waves = (block + wave_size - 1) / wave_size * wave_size;
    return std::min(threads / whole_waves, blocks_by_lds);
  }
};

fit fit_of(const ihipModuleSymbol_t& kernel, size_t dynamic_lds) {
  const auto wave_size = static_cast<int>(kernel.kernel->wave_size);
  const size_t lds = kernel.kernel->lds_size + dynamic_lds;
  const size_t blocks_by_lds = lds > 0 ? simulated_processor().lds_per_unit / lds : SIZE_MAX;
  return {waves_per_simd(*kernel.kernel, wave_size) * simds * wave_size,
          static_cast<int>(std::min<size_t>(blocks_by_lds, 1 << 20)), wave_size};
}

}  // namespace
}  // namespace hip_sim

using namespace hip_sim;

HIP_SIM_API hipError_t hipFuncGetAttributes(hipFuncAttributes* out, const void* stub) {
  if (out == nullptr) return remember(hipErrorInvalidValue);
  ihipModuleSymbol_t* kernel = nullptr;
  HIP_SIM_TRY(kernel_of_stub(stub, current_device(), &kernel));
  std::memset(out, 0, sizeof *out);
  out->binaryVersion = out->ptxVersion = version();
  out->localSizeBytes = kernel->kernel->private_size;
  out->maxThreadsPerBlock = static_cast<int>(kernel->max_threads());
  out->numRegs = static_cast<int>(kernel->kernel->vgpr_count);
  out->sharedSizeBytes = kernel->kernel->lds_size;
  out->maxDynamicSharedSizeBytes = free_lds(*kernel);
  return hipSuccess;
}

HIP_SIM_API hipError_t hipFuncGetAttribute(int* out, hipFunction_attribute wanted, hipFunction_t kernel) {
  if (out == nullptr) return remember(hipErrorInvalidValue);
  if (kernel == nullptr) return remember(hipErrorInvalidDeviceFunction);
  switch (wanted) {
    case HIP_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
      *out = static_cast<int>(kernel->kernel->lds_size);
      break;
    case HIP_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      *out = static_cast<int>(kernel->max_threads());
      break;
    case HIP_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
      *out = static_cast<int>(kernel->kernel->private_size);
      break;
    case HIP_FUNC_ATTRIBUTE_NUM_REGS:
      *out = static_cast<int>(kernel->kernel->vgpr_count);
      break;
    case HIP_FUNC_ATTRIBUTE_PTX_VERSION:
    case HIP_FUNC_ATTRIBUTE_BINARY_VERSION:
      *out = version();
      break;
    case HIP_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      *out = free_lds(*kernel);
      break;
    case HIP_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
    case HIP_FUNC_ATTRIBUTE_CACHE_MODE_CA:
    case HIP_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      *out = 0;
      break;
    default:
      return remember(hipErrorInvalidValue);
  }
  return hipSuccess;
}

// A launch may use all shared memory there is, so the attributes are checked and need not be kept.
HIP_SIM_API hipError_t hipFuncSetAttribute(const void* stub, hipFuncAttribute what, int value) {
  ihipModuleSymbol_t* kernel = nullptr;
  HIP_SIM_TRY(kernel_of_stub(stub, current_device(), &kernel));
  const bool is_lds = what == hipFuncAttributeMaxDynamicSharedMemorySize && value >= 0 && value <= free_lds(*kernel);
  const bool is_carveout = what == hipFuncAttributePreferredSharedMemoryCarveout && value >= -1 && value <= 100;
  return remember(is_lds || is_carveout ? hipSuccess : hipErrorInvalidValue);
}

// Advice about caches, of which there are none.
HIP_SIM_API hipError_t hipFuncSetCacheConfig(const void*, hipFuncCache_t) { return hipSuccess; }

HIP_SIM_API hipError_t hipModuleOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, hipFunction_t kernel, int block,
                                                                          size_t dynamic_lds) {
  if (blocks == nullptr || block <= 0) return remember(hipErrorInvalidValue);
  if (kernel == nullptr) return remember(hipErrorInvalidDeviceFunction);
  *blocks = block > 1024 ? 0 : fit_of(*kernel, dynamic_lds).blocks(block);
  return hipSuccess;
}
HIP_SIM_API hipError_t hipOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* stub, int block,
                                                                    size_t dynamic_lds) {
  ihipModuleSymbol_t* kernel = nullptr;
  HIP_SIM_TRY(kernel_of_stub(stub, current_device(), &kernel));
  return hipModuleOccupancyMaxActiveBlocksPerMultiprocessor(blocks, kernel, block, dynamic_lds);
}
HIP_SIM_API hipError_t hipOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* stub, int block,
                                                                             size_t dynamic_lds, unsigned flags) {
  if (flags > 1) return remember(hipErrorInvalidValue);
  return hipOccupancyMaxActiveBlocksPerMultiprocessor(blocks, stub, block, dynamic_lds);
}

HIP_SIM_API hipError_t hipModuleOccupancyMaxPotentialBlockSize(int* grid, int* block, hipFunction_t kernel,
                                                               size_t dynamic_lds, int limit) {
  if (grid == nullptr || block == nullptr) return remember(hipErrorInvalidValue);
  if (kernel == nullptr) return remember(hipErrorInvalidDeviceFunction);
  const fit room = fit_of(*kernel, dynamic_lds);
  const auto most = static_cast<int>(kernel->max_threads());
  const int wanted = limit > 0 && limit <= most ? limit : most;
  *block = std::min(room.threads, (wanted + room.wave_size - 1) / room.wave_size * room.wave_size);
  *grid = options().compute_units * room.blocks(*block);
  return hipSuccess;
}
HIP_SIM_API hipError_t hipOccupancyMaxPotentialBlockSize(int* grid, int* block, const void* stub, size_t dynamic_lds,
                                                         int limit) {
  ihipModuleSymbol_t* kernel = nullptr;
  HIP_SIM_TRY(kernel_of_stub(stub, current_device(), &kernel));
  return hipModuleOccupancyMaxPotentialBlockSize(grid, block, kernel, dynamic_lds, limit);
}
