// Of builds with CUDA: a stream from LibTorch's pool, and events that other streams wait for. Compiled and
// linked, not yet run on a GPU.
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "launch/error.hpp"
#include "trainer/feed/side_stream.hpp"

namespace gyrus {
namespace {

class StreamOfItsOwn : public SideStream {
 public:
  explicit StreamOfItsOwn(torch::Device device)
      : stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())) {}

  Wait run(const std::function<void()>& work) const override {
    const c10::cuda::CUDAStreamGuard guard(stream_);
    work();
    const auto done = std::make_shared<at::cuda::CUDAEvent>();
    done->record(stream_);
    return [done, device = stream_.device_index()](const std::vector<torch::Tensor>& tensors) {
      const auto current = c10::cuda::getCurrentCUDAStream(device);
      done->block(current);
      // Their memory belongs to the side stream, which must not take it back while the training reads it.
      for (const auto& tensor : tensors)
        if (tensor.defined()) tensor.record_stream(current);
    };
  }

 private:
  c10::cuda::CUDAStream stream_;
};

}  // namespace

std::unique_ptr<SideStream> make_cuda_side_stream(torch::Device device) {
  return std::make_unique<StreamOfItsOwn>(device);
}

std::uint64_t free_cuda_bytes(torch::Device device) {
  const c10::cuda::CUDAGuard guard(device);
  std::size_t free = 0, total = 0;
  if (const auto result = cudaMemGetInfo(&free, &total); result != cudaSuccess)
    throw DataError(
        fmt::format("cannot ask {} for its free memory: {}", device.str(), cudaGetErrorString(result)));
  return free;
}

}  // namespace gyrus
