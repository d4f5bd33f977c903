#pragma once

/// @file
/// The function markers every header of the library uses, and which platform this translation unit is compiled for.
///
/// Exactly one of PARAGON_PLATFORM_AMD (clang, `-x hip`), PARAGON_PLATFORM_NVIDIA (nvcc) and PARAGON_PLATFORM_HOST
/// (any plain C++ compiler) is 1, the other two are 0. They have the same value in the host pass and in every device
/// pass of one translation unit, so that both passes see the same declarations.
///
/// - PARAGON_HD: callable from host and device code.
/// - PARAGON_DEVICE: callable from device code, always inlined. On the host platform an ordinary inline function.
/// - PARAGON_UNROLL: in front of a loop with a constant trip count: unroll it completely. Nothing on the host platform.
/// - PARAGON_UNROLL_BY(n): unroll by n, no further. Nothing on the host platform.

#define PARAGON_PLATFORM_AMD 0
#define PARAGON_PLATFORM_NVIDIA 0
#define PARAGON_PLATFORM_HOST 0

#define PARAGON_PRAGMA(text) _Pragma(#text)

#if defined(__HIP__)

#undef PARAGON_PLATFORM_AMD
#define PARAGON_PLATFORM_AMD 1
#define PARAGON_HD __host__ __device__
#define PARAGON_DEVICE __device__ inline __attribute__((always_inline))
#define PARAGON_UNROLL _Pragma("unroll")
#define PARAGON_UNROLL_BY(n) PARAGON_PRAGMA(unroll n)

#elif defined(__CUDACC__)

#undef PARAGON_PLATFORM_NVIDIA
#define PARAGON_PLATFORM_NVIDIA 1
#define PARAGON_HD __host__ __device__
#define PARAGON_DEVICE __device__ __forceinline__
#define PARAGON_UNROLL _Pragma("unroll")
#define PARAGON_UNROLL_BY(n) PARAGON_PRAGMA(unroll n)

#else

#undef PARAGON_PLATFORM_HOST
#define PARAGON_PLATFORM_HOST 1
#define PARAGON_HD
#define PARAGON_DEVICE inline
#define PARAGON_UNROLL
#define PARAGON_UNROLL_BY(n)

#endif
