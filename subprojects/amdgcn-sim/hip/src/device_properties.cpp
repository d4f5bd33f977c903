// What can be asked about a device.
#include "devices.hpp"
#include "errors.hpp"
#include "options.hpp"

using namespace hip_sim;

namespace {

using properties = hipDeviceProp_tR0600;

void set_limits(properties& p, const processor& chip) {
  p.totalGlobalMem = device_memory;
  p.sharedMemPerBlock = p.sharedMemPerBlockOptin = chip.lds;
  p.sharedMemPerMultiprocessor = p.maxSharedMemoryPerMultiProcessor = chip.lds_per_unit;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = chip.wave_size;
  p.memPitch = 0x7fffffff;
  p.maxThreadsPerBlock = 1024;
  for (int& most : p.maxThreadsDim) most = 1024;
  p.maxGridSize[0] = 0x7fffffff;
  p.maxGridSize[1] = p.maxGridSize[2] = 65536;
  p.totalConstMem = 0x7fffffff;
  p.multiProcessorCount = options().compute_units;
  p.maxThreadsPerMultiProcessor = 2048;
  p.maxBlocksPerMultiProcessor = 32;
  p.textureAlignment = p.texturePitchAlignment = p.surfaceAlignment = 256;
}

void set_features(properties& p, const processor& chip) {
  p.clockRate = chip.clock_khz;
  p.clockInstructionRate = 100000;
  p.memoryClockRate = chip.memory_clock_khz;
  p.memoryBusWidth = chip.memory_bus_bits;
  p.l2CacheSize = chip.l2_bytes;
  p.ECCEnabled = chip.major == 9;
  p.asyncEngineCount = 2;
  for (int* has :
       {&p.deviceOverlap, &p.canMapHostMemory, &p.concurrentKernels, &p.unifiedAddressing, &p.streamPrioritiesSupported,
        &p.globalL1CacheSupported, &p.localL1CacheSupported, &p.managedMemory, &p.concurrentManagedAccess,
        &p.canUseHostPointerForRegisteredMem, &p.hostRegisterSupported, &p.memoryPoolsSupported, &p.isLargeBar}) {
    *has = 1;
  }
  auto& has = p.arch;
  has.hasGlobalInt32Atomics = has.hasGlobalFloatAtomicExch = has.hasSharedInt32Atomics = 1;
  has.hasSharedFloatAtomicExch = has.hasFloatAtomicAdd = has.hasGlobalInt64Atomics = 1;
  has.hasSharedInt64Atomics = has.hasDoubles = has.hasWarpVote = has.hasWarpBallot = 1;
  has.hasWarpShuffle = has.hasThreadFenceSystem = has.hasSyncThreadsExt = has.has3dGrid = 1;
}

properties properties_of(int device) {
  properties p;
  std::memset(&p, 0, sizeof p);
  const processor& chip = simulated_processor();
  std::snprintf(p.name, sizeof p.name, "amdgcn-sim %s", chip.name);
  std::snprintf(p.gcnArchName, sizeof p.gcnArchName, "%s", processor_target().c_str());
  std::snprintf(p.uuid.bytes, sizeof p.uuid.bytes, "amdgcn-sim-%02x", static_cast<unsigned>(device) & 0xff);
  p.major = chip.major;
  p.minor = chip.minor;
  p.pciBusID = 1 + device;
  set_limits(p, chip);
  set_features(p, chip);
  return p;
}

constexpr std::pair<hipDeviceAttribute_t, int properties::*> int_attributes[] = {
    {hipDeviceAttributeEccEnabled, &properties::ECCEnabled},
    {hipDeviceAttributeAsyncEngineCount, &properties::asyncEngineCount},
    {hipDeviceAttributeCanMapHostMemory, &properties::canMapHostMemory},
    {hipDeviceAttributeCanUseHostPointerForRegisteredMem, &properties::canUseHostPointerForRegisteredMem},
    {hipDeviceAttributeClockRate, &properties::clockRate},
    {hipDeviceAttributeConcurrentKernels, &properties::concurrentKernels},
    {hipDeviceAttributeConcurrentManagedAccess, &properties::concurrentManagedAccess},
    {hipDeviceAttributeDeviceOverlap, &properties::deviceOverlap},
    {hipDeviceAttributeGlobalL1CacheSupported, &properties::globalL1CacheSupported},
    {hipDeviceAttributeL2CacheSize, &properties::l2CacheSize},
    {hipDeviceAttributeLocalL1CacheSupported, &properties::localL1CacheSupported},
    {hipDeviceAttributeComputeCapabilityMajor, &properties::major},
    {hipDeviceAttributeComputeCapabilityMinor, &properties::minor},
    {hipDeviceAttributeManagedMemory, &properties::managedMemory},
    {hipDeviceAttributeMaxBlocksPerMultiProcessor, &properties::maxBlocksPerMultiProcessor},
    {hipDeviceAttributeMaxThreadsPerBlock, &properties::maxThreadsPerBlock},
    {hipDeviceAttributeMaxThreadsPerMultiProcessor, &properties::maxThreadsPerMultiProcessor},
    {hipDeviceAttributeMemoryBusWidth, &properties::memoryBusWidth},
    {hipDeviceAttributeMemoryClockRate, &properties::memoryClockRate},
    {hipDeviceAttributeMultiprocessorCount, &properties::multiProcessorCount},
    {hipDeviceAttributePhysicalMultiProcessorCount, &properties::multiProcessorCount},
    {hipDeviceAttributePciBusId, &properties::pciBusID},
    {hipDeviceAttributeMaxRegistersPerBlock, &properties::regsPerBlock},
    {hipDeviceAttributeMaxRegistersPerMultiprocessor, &properties::regsPerMultiprocessor},
    {hipDeviceAttributeStreamPrioritiesSupported, &properties::streamPrioritiesSupported},
    {hipDeviceAttributeUnifiedAddressing, &properties::unifiedAddressing},
    {hipDeviceAttributeWarpSize, &properties::warpSize},
    {hipDeviceAttributeMemoryPoolsSupported, &properties::memoryPoolsSupported},
    {hipDeviceAttributeHostRegisterSupported, &properties::hostRegisterSupported},
    {hipDeviceAttributeClockInstructionRate, &properties::clockInstructionRate},
    {hipDeviceAttributeIsLargeBar, &properties::isLargeBar},
};
constexpr std::pair<hipDeviceAttribute_t, size_t properties::*> size_attributes[] = {
    {hipDeviceAttributeMaxPitch, &properties::memPitch},
    {hipDeviceAttributeMaxSharedMemoryPerBlock, &properties::sharedMemPerBlock},
    {hipDeviceAttributeSharedMemPerBlockOptin, &properties::sharedMemPerBlockOptin},
    {hipDeviceAttributeSharedMemPerMultiprocessor, &properties::sharedMemPerMultiprocessor},
    {hipDeviceAttributeMaxSharedMemoryPerMultiprocessor, &properties::maxSharedMemoryPerMultiProcessor},
    {hipDeviceAttributeSurfaceAlignment, &properties::surfaceAlignment},
    {hipDeviceAttributeTextureAlignment, &properties::textureAlignment},
    {hipDeviceAttributeTexturePitchAlignment, &properties::texturePitchAlignment},
    {hipDeviceAttributeTotalConstantMemory, &properties::totalConstMem},
    {hipDeviceAttributeTotalGlobalMem, &properties::totalGlobalMem},
};

int attribute(const properties& p, hipDeviceAttribute_t wanted) {
  for (const auto& [name, member] : int_attributes) {
    if (name == wanted) return p.*member;
  }
  for (const auto& [name, member] : size_attributes) {
    if (name == wanted) return static_cast<int>(std::min<size_t>(p.*member, 0x7fffffff));
  }
  switch (wanted) {
    case hipDeviceAttributeMaxBlockDimX:
      return p.maxThreadsDim[0];
    case hipDeviceAttributeMaxBlockDimY:
      return p.maxThreadsDim[1];
    case hipDeviceAttributeMaxBlockDimZ:
      return p.maxThreadsDim[2];
    case hipDeviceAttributeMaxGridDimX:
      return p.maxGridSize[0];
    case hipDeviceAttributeMaxGridDimY:
      return p.maxGridSize[1];
    case hipDeviceAttributeMaxGridDimZ:
      return p.maxGridSize[2];
    case hipDeviceAttributeFineGrainSupport:
      return 1;
    case hipDeviceAttributeWallClockRate:
      return 100000;
    case hipDeviceAttributeNumberOfXccs:
      return simulated_processor().xccs;
    case hipDeviceAttributeMaxAvailableVgprsPerThread:
      return simulated_processor().major == 9 ? 512 : 256;
    // everything else is a feature, or a limit of a feature, that the simulated device does not have
    default:
      return 0;
  }
}

}  // namespace

HIP_SIM_API hipError_t hipGetDevicePropertiesR0600(properties* out, int device) {
  if (out == nullptr) return remember(hipErrorInvalidValue);
  if (!is_device(device)) return remember(hipErrorInvalidDevice);
  *out = properties_of(device);
  return hipSuccess;
}

HIP_SIM_API hipError_t hipDeviceGetAttribute(int* value, hipDeviceAttribute_t wanted, int device) {
  if (value == nullptr || wanted < hipDeviceAttributeCudaCompatibleBegin ||
      wanted >= hipDeviceAttributeAmdSpecificEnd) {
    return remember(hipErrorInvalidValue);
  }
  if (!is_device(device)) return remember(hipErrorInvalidDevice);
  *value = attribute(properties_of(device), wanted);
  return hipSuccess;
}

HIP_SIM_API hipError_t hipDeviceGetName(char* name, int size, hipDevice_t device) {
  if (name == nullptr || size <= 0) return remember(hipErrorInvalidValue);
  if (!is_device(device)) return remember(hipErrorInvalidDevice);
  std::snprintf(name, static_cast<size_t>(size), "%s", properties_of(device).name);
  return hipSuccess;
}

HIP_SIM_API hipError_t hipDeviceGetPCIBusId(char* out, int size, int device) {
  if (out == nullptr || size <= 0) return remember(hipErrorInvalidValue);
  if (!is_device(device)) return remember(hipErrorInvalidDevice);
  std::snprintf(out, static_cast<size_t>(size), "0000:%02x:00.0",
                static_cast<unsigned>(properties_of(device).pciBusID));
  return hipSuccess;
}

HIP_SIM_API hipError_t hipDeviceTotalMem(size_t* bytes, hipDevice_t device) {
  if (bytes == nullptr) return remember(hipErrorInvalidValue);
  if (!is_device(device)) return remember(hipErrorInvalidDevice);
  *bytes = device_memory;
  return hipSuccess;
}

HIP_SIM_API hipError_t hipDeviceComputeCapability(int* major, int* minor, hipDevice_t device) {
  if (major == nullptr || minor == nullptr) return remember(hipErrorInvalidValue);
  if (!is_device(device)) return remember(hipErrorInvalidDevice);
  *major = simulated_processor().major;
  *minor = simulated_processor().minor;
  return hipSuccess;
}
