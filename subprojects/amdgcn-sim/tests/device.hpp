// What the test kernels share. They need no HIP headers: compiled with -nogpuinc -nogpulib.
#pragma once
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __constant__ __attribute__((constant))
#define __shared__ __attribute__((shared))
#define KERNEL(n) extern "C" __global__ __attribute__((amdgpu_flat_work_group_size(1, n))) void
#if defined(__gfx90a__) || defined(__gfx942__) || defined(__gfx950__)
#define GFX9 1
#else
#define GFX9 0
#endif
#if defined(__gfx1100__)
#define GFX11 1
#endif
#if defined(__gfx1200__) || defined(__gfx1201__)
#define GFX12 1
#endif
#if GFX9
#define WAVE 64
#else
#define WAVE 32
#endif
static __device__ unsigned tid() { return __builtin_amdgcn_workitem_id_x(); }

static __device__ unsigned bid() { return __builtin_amdgcn_workgroup_id_x(); }

static __device__ unsigned lane() {
  return __builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, 0)) & (WAVE - 1);
}

static __device__ unsigned bdim() {
  return ((const __attribute__((address_space(4))) unsigned short*)__builtin_amdgcn_implicitarg_ptr())[6];
}

static __device__ void barrier() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

static __device__ float shfl_xor(float x, int m) {
  return __builtin_bit_cast(float, __builtin_amdgcn_ds_bpermute((lane() ^ m) * 4, __builtin_bit_cast(int, x)));
}

typedef float f2 __attribute__((ext_vector_type(2)));
typedef float f4 __attribute__((ext_vector_type(4)));
typedef float f8 __attribute__((ext_vector_type(8)));
typedef float f16v __attribute__((ext_vector_type(16)));
typedef float f32v __attribute__((ext_vector_type(32)));
typedef double d4 __attribute__((ext_vector_type(4)));
typedef _Float16 h2 __attribute__((ext_vector_type(2)));
typedef _Float16 h4 __attribute__((ext_vector_type(4)));
typedef _Float16 h8 __attribute__((ext_vector_type(8)));
typedef _Float16 h16 __attribute__((ext_vector_type(16)));
typedef short s2 __attribute__((ext_vector_type(2)));
typedef short s4 __attribute__((ext_vector_type(4)));
typedef short s8 __attribute__((ext_vector_type(8)));
typedef short s16 __attribute__((ext_vector_type(16)));
typedef __bf16 b8 __attribute__((ext_vector_type(8)));
typedef int i2 __attribute__((ext_vector_type(2)));
typedef int i4 __attribute__((ext_vector_type(4)));
typedef int i8v __attribute__((ext_vector_type(8)));
typedef int i16v __attribute__((ext_vector_type(16)));
