# LibTorch as one target, gyrus::torch.
#
# 1. A LibTorch that the user points to (Torch_DIR or CMAKE_PREFIX_PATH) is used as it is.
# 2. Else the folder that scripts/setup.sh filled (cached PyPI wheel, no Python needed). The wheel's own CMake package stops
#    on machines without a CUDA toolkit, so the target is made here from its headers and shared libraries.
set(GYRUS_TORCH_CACHE "" CACHE PATH "Folder with an unpacked torch wheel (holds include/ and lib/); default: the user cache")

add_library(gyrus_torch INTERFACE)
add_library(gyrus::torch ALIAS gyrus_torch)
# LibTorch brings fmt's headers of its own version but not the library; header-only, they need none.
target_compile_definitions(gyrus_torch INTERFACE FMT_HEADER_ONLY=1)

find_package(Torch 2.6 QUIET)
if(Torch_FOUND)
  message(STATUS "LibTorch ${Torch_VERSION} from ${Torch_DIR}")
  target_link_libraries(gyrus_torch INTERFACE torch)
  target_include_directories(gyrus_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  return()
endif()

if(NOT GYRUS_TORCH_CACHE)
  if(DEFINED ENV{XDG_CACHE_HOME})
    set(GYRUS_TORCH_CACHE $ENV{XDG_CACHE_HOME}/gyrus/torch-2.11.0)
  else()
    set(GYRUS_TORCH_CACHE $ENV{HOME}/.cache/gyrus/torch-2.11.0)
  endif()
endif()
set(torch_lib ${GYRUS_TORCH_CACHE}/lib)
if(NOT EXISTS ${torch_lib}/libtorch_cpu.so)
  message(FATAL_ERROR "no LibTorch in ${GYRUS_TORCH_CACHE}: run scripts/setup.sh, or set Torch_DIR")
endif()
message(STATUS "LibTorch from ${GYRUS_TORCH_CACHE}")

target_include_directories(gyrus_torch SYSTEM INTERFACE
  ${GYRUS_TORCH_CACHE}/include ${GYRUS_TORCH_CACHE}/include/torch/csrc/api/include)
target_link_directories(gyrus_torch INTERFACE ${torch_lib})
target_link_libraries(gyrus_torch INTERFACE ${torch_lib}/libtorch_cpu.so ${torch_lib}/libc10.so)
# The wheel's libraries look for CUDA's small ones in their own folder; the linker needs to be told.
target_link_options(gyrus_torch INTERFACE -Wl,-rpath,${torch_lib} -Wl,-rpath-link,${torch_lib})
if(GYRUS_CUDA)
  find_package(CUDAToolkit 13 REQUIRED)
  # NCCL and cuDNN come with the system or lie beside the toolkit.
  find_library(NCCL_LIBRARY nccl REQUIRED HINTS ${CUDAToolkit_LIBRARY_DIR} ${CUDAToolkit_LIBRARY_DIR}/../lib
    ${CUDAToolkit_TARGET_DIR}/../../lib)
  find_library(CUDNN_LIBRARY cudnn REQUIRED HINTS ${CUDAToolkit_LIBRARY_DIR} ${CUDAToolkit_LIBRARY_DIR}/../lib)
  find_path(NCCL_INCLUDE_DIR nccl.h REQUIRED HINTS ${CUDAToolkit_INCLUDE_DIRS})
  target_include_directories(gyrus_torch SYSTEM INTERFACE ${NCCL_INCLUDE_DIR})
  foreach(library IN ITEMS ${NCCL_LIBRARY} ${CUDNN_LIBRARY})
    cmake_path(GET library PARENT_PATH folder)
    list(APPEND cuda_folders ${folder})
  endforeach()
  list(APPEND cuda_folders ${CUDAToolkit_LIBRARY_DIR})
  list(REMOVE_DUPLICATES cuda_folders)
  # libtorch_cuda.so registers its kernels when loaded; nothing refers to it, so the linker must be told to keep it. An old-style
  # RPATH also serves the libraries that it needs itself.
  target_link_libraries(gyrus_torch INTERFACE -Wl,--no-as-needed ${torch_lib}/libtorch_cuda.so ${torch_lib}/libc10_cuda.so
    -Wl,--as-needed CUDA::cudart ${NCCL_LIBRARY})
  target_link_options(gyrus_torch INTERFACE -Wl,--disable-new-dtags)
  foreach(folder IN LISTS cuda_folders)
    target_link_options(gyrus_torch INTERFACE -Wl,-rpath,${folder} -Wl,-rpath-link,${folder})
  endforeach()
endif()
