#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace gyrus {

/// What a loader's thread lets a device do beside the training: on a GPU on a stream of its own, so that the
/// training's stream does not wait for it; on the CPU in the caller's thread. Thread safety: any thread.
class SideStream {
 public:
  /// Lets the current stream of the caller wait until the tensors are made; costs the host nothing.
  using Wait = std::function<void(const std::vector<torch::Tensor>&)>;

  virtual ~SideStream() = default;
  virtual Wait run(const std::function<void()>& work) const = 0;
};

std::unique_ptr<SideStream> make_side_stream(torch::Device device);

/// Bytes that tensors on the device may still take. @throws DataError when the device does not say
std::uint64_t free_device_bytes(torch::Device device);

/// The same for GPUs alone (side_stream_cuda.cpp). @throws NotBuiltError in builds without CUDA
std::unique_ptr<SideStream> make_cuda_side_stream(torch::Device device);
std::uint64_t free_cuda_bytes(torch::Device device);

}  // namespace gyrus
