#include "trainer/feed/device_slices.hpp"

#include <torch/torch.h>

#include <cstring>
#include <span>
#include <type_traits>

namespace gyrus {
namespace {

template <class T>
torch::Tensor copy_of(std::span<const T> values, const std::vector<std::int64_t>& shape,
                      torch::Device device) {
  constexpr auto type = std::is_same_v<T, float> ? torch::kFloat32 : torch::kUInt8;
  const auto bytes = values.size_bytes();
  torch::Tensor host = torch::empty(shape, torch::TensorOptions(type).pinned_memory(device.is_cuda()));
  std::memcpy(host.data_ptr(), values.data(), bytes);
  return device.is_cuda() ? host.to(device, /*non_blocking=*/true) : host;
}

}  // namespace

DeviceSlices copy_to_device(const Batch& batch, torch::Device device) {
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(batch.samples.size()), 1, batch.height,
                                           batch.width};
  const auto values = batch.samples.size() * static_cast<std::size_t>(batch.height * batch.width);
  DeviceSlices slices;
  if (batch.images.size() == values) {
    slices.images = copy_of(std::span<const float>(batch.images), shape, device);
    slices.masks = copy_of(std::span<const std::uint8_t>(batch.masks), shape, device);
  }
  if (batch.noise.size() == values)
    slices.noise = copy_of(std::span<const float>(batch.noise), shape, device);
  return slices;
}

DeviceSlices slices_on_device(const Batch& batch, torch::Device device) {
  if (!batch.on_device) return copy_to_device(batch, device);
  const DeviceSlices slices = *batch.on_device;
  slices.wait({slices.images, slices.masks, slices.noise});
  return slices;
}

}  // namespace gyrus
