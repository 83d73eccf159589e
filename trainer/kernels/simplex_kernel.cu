// Simplex fields on a GPU: one thread per pixel, which adds the few vertices that reach it in the CPU's
// order. What a thread computes is in simplex_pixel.hpp; this file has memory, launches and copies.
//
// The fields come back to the CPU, where the step's inputs are hashed, and reach the training with the rest
// of the batch. The loader's threads call this ahead of the step, so no step waits for it.
#include <cuda_runtime.h>

#include <mutex>
#include <string>

#include "launch/error.hpp"
#include "launch/handle.hpp"
#include "trainer/kernels/simplex_kernel.hpp"

namespace gyrus {
namespace {

constexpr int threads_per_block = 128;

void check(cudaError_t status, const std::string& what) {
  if (status == cudaSuccess) return;
  throw Error(ExitCode::internal, "noise.device=cuda: " + what + ": " + cudaGetErrorString(status) +
                                      "; with noise.device=cpu the loader's threads make the fields");
}

__device__ std::int64_t thread_index() {
  return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}

template <class T>
__global__ void draw_pixels(SimplexFields<T> fields) {
  const std::int64_t index = thread_index();
  if (index < fields.num_pixels()) fields.draw(index);
}

// A field's sums have one order, so one thread makes them.
template <class T>
__global__ void measure_fields(SimplexFields<T> fields) {
  const std::int64_t index = thread_index();
  if (index < fields.num_fields) fields.measure(index);
}

template <class T>
__global__ void finish_pixels(SimplexFields<T> fields) {
  const std::int64_t index = thread_index();
  if (index < fields.num_pixels()) fields.finish(index);
}

template <class T>
void launch(void (*kernel)(SimplexFields<T>), std::int64_t num_threads, const SimplexFields<T>& fields,
            cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>((num_threads + threads_per_block - 1) / threads_per_block);
  kernel<<<blocks, threads_per_block, 0, stream>>>(fields);
  check(cudaGetLastError(), "starting a kernel");
}

struct StreamTraits {
  using type = cudaStream_t;
  static type null() { return nullptr; }
  static void close(type stream) { cudaStreamDestroy(stream); }
};

struct MemoryTraits {
  using type = void*;
  static type null() { return nullptr; }
  static void close(type memory) { cudaFree(memory); }
};

/// Memory of the GPU that only grows.
template <class T>
class Memory {
 public:
  T* at_least(std::size_t count) {
    if (count > count_) {
      memory_.reset();
      count_ = 0;
      void* memory = nullptr;
      check(cudaMalloc(&memory, count * sizeof(T)), "memory for noise fields");
      memory_ = Handle<MemoryTraits>(memory);
      count_ = count;
    }
    return static_cast<T*>(memory_.get());
  }

 private:
  Handle<MemoryTraits> memory_;
  std::size_t count_ = 0;
};

/// @tparam T  what a field is computed in
template <class T>
class CudaSimplexKernel : public SimplexKernel {
 public:
  CudaSimplexKernel(const SimplexRecipe& recipe, int gpu) : recipe_(recipe), gpu_(gpu) {
    check(cudaSetDevice(gpu_), "choosing the GPU");
    cudaStream_t stream = nullptr;
    // Non-blocking: it does not wait for the default stream, on which the training runs, nor that for it.
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
    stream_ = Handle<StreamTraits>(stream);
  }

  void fill(std::span<const SimplexDraw> keys, std::int64_t rows, std::int64_t columns,
            float* out) const override {
    const auto num_pixels = keys.size() * static_cast<std::size_t>(rows * columns);
    if (num_pixels == 0) return;
    const std::lock_guard lock(mutex_);
    check(cudaSetDevice(gpu_), "choosing the GPU");  // each thread has its own choice
    SimplexDraw* const keys_there = keys_.at_least(keys.size());
    const SimplexFields<T> fields{recipe_,
                                  static_cast<std::int64_t>(keys.size()),
                                  rows,
                                  columns,
                                  keys_there,
                                  raw_.at_least(num_pixels),
                                  moments_.at_least(keys.size()),
                                  out_.at_least(num_pixels)};
    check(cudaMemcpyAsync(keys_there, keys.data(), keys.size_bytes(), cudaMemcpyHostToDevice, stream_.get()),
          "copying the keys");
    launch(draw_pixels<T>, fields.num_pixels(), fields, stream_.get());
    if (recipe_.standardise) launch(measure_fields<T>, fields.num_fields, fields, stream_.get());
    launch(finish_pixels<T>, fields.num_pixels(), fields, stream_.get());
    check(cudaMemcpyAsync(out, fields.out, num_pixels * sizeof(float), cudaMemcpyDeviceToHost, stream_.get()),
          "copying the fields back");
    check(cudaStreamSynchronize(stream_.get()), "making the fields");
  }

 private:
  SimplexRecipe recipe_;
  int gpu_;
  mutable std::mutex mutex_;
  Handle<StreamTraits> stream_;
  mutable Memory<SimplexDraw> keys_;
  mutable Memory<T> raw_;
  mutable Memory<FieldMoments> moments_;
  mutable Memory<float> out_;
};

}  // namespace

std::unique_ptr<SimplexKernel> make_simplex_kernel(const SimplexRecipe& recipe, int gpu) {
  // What is rounded to float16 is computed in double, as on the CPU.
  if (recipe.round_to_half) return std::make_unique<CudaSimplexKernel<double>>(recipe, gpu);
  return std::make_unique<CudaSimplexKernel<float>>(recipe, gpu);
}

}  // namespace gyrus
