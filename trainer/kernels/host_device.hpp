#pragma once

// Marks what the GPU's compiler compiles for both sides and the CPU's compiler as ordinary code.
#if defined(__CUDACC__)
#define GYRUS_HOST_DEVICE __host__ __device__
#else
#define GYRUS_HOST_DEVICE
#endif
