// Allocations: what there is, and whether an access lies in it.
#pragma once

#include "hip.hpp"

namespace hip_sim {

enum class memory_kind { device, host, managed, registered, variable };

struct allocation {
  char* base = nullptr;
  size_t size = 0;
  memory_kind kind = memory_kind::device;
  int device = 0;
  unsigned flags = 0;
  char* block = nullptr;  ///< what was really allocated, red zones included; null if the memory is not the runtime's
};

/// New memory, poisoned and between red zones. Null for a size of 0.
hipError_t allocate(void** out, size_t size, memory_kind kind, int device, unsigned flags = 0);
/// Frees pinned host memory, or memory of a device.
hipError_t release(void* memory, bool pinned);
void release_device_memory(int device);
/// Bytes that are allocated on a device.
size_t memory_in_use(int device);

/// Memory of somebody else: registered by the program, or a variable of a module.
void add_foreign_memory(void* base, size_t size, memory_kind kind, int device, unsigned flags = 0);
/// False if there was none of that kind at that address.
bool remove_foreign_memory(void* base, memory_kind kind);

/// The allocation that an address lies in, or null. The lock has to be held as long as the result is used.
allocation* find_allocation(const void* address);
/// An error if the range begins in an allocation and leaves it, or lies in freed memory. Other host memory passes.
hipError_t check_range(const void* first, size_t size);
hipError_t check_copy(const void* to, const void* from, size_t size, hipMemcpyKind kind);

/// Fills new memory with 0xCD, so that it is never zero by luck.
void poison(void* memory, size_t size);

/// What the address in a message of the executor is in or near to, as the rest of a sentence.
std::string describe_address(const char* message);

}  // namespace hip_sim
