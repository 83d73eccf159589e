# The language CUDA, for the preset `cuda` alone. nvcc need not be in PATH: the usual places are looked at too.
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(GYRUS_NVCC nvcc HINTS ${CUDAToolkit_ROOT} ENV CUDAToolkit_ROOT ENV CUDA_PATH ENV CUDA_HOME PATHS /usr/local/cuda
    PATH_SUFFIXES bin)
  if(NOT GYRUS_NVCC)
    message(FATAL_ERROR "GYRUS_CUDA=ON, but no nvcc: install the CUDA toolkit, or set CMAKE_CUDA_COMPILER")
  endif()
  set(CMAKE_CUDA_COMPILER ${GYRUS_NVCC})
endif()
# Code for A100 (with RTX 30 and 40) and H100; code for H100 in PTX, which newer GPUs' drivers compile.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
endif()
set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)  # LibTorch's; a static one beside it would be a second runtime
enable_language(CUDA)
# CMake before 3.26 does not know that nvcc has C++20.
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()
