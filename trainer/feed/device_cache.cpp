#include "trainer/feed/device_cache.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>

#include "data/in_threads.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "trainer/feed/side_stream.hpp"

namespace gyrus {
namespace {

constexpr std::uint64_t memory_share = 2;  // one part of so many; the rest is the model's
constexpr std::uint8_t has_image = 1, has_both = 2;

std::uint64_t bytes_of(const std::vector<std::int64_t>& shape) {
  std::uint64_t bytes = sizeof(float) + sizeof(std::uint8_t);
  for (const auto size : shape) bytes *= static_cast<std::uint64_t>(size);
  return bytes;
}

}  // namespace

void check_device_room(std::uint64_t bytes, std::uint64_t free, torch::Device device) {
  if (bytes <= free / memory_share) return;
  throw ConfigError(
      fmt::format("data.source_policy=device_cache: the training set takes {} decoded, {} are free on {}, of "
                  "which half may be used; take auto",
                  format_bytes(bytes), format_bytes(free), device.str()));
}

DeviceCache::DeviceCache(const Dataset& dataset, const std::string& set, torch::Device device,
                         std::size_t num_threads)
    : depth_(dataset.depth()) {
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(dataset.volumes(set).size()), depth_,
                                           dataset.height(), dataset.width()};
  check_device_room(bytes_of(shape), free_device_bytes(device), device);
  images_ = torch::empty(shape, torch::TensorOptions(torch::kFloat32).device(device));
  masks_ = torch::empty(shape, torch::TensorOptions(torch::kUInt8).device(device));
  present_.resize(static_cast<std::size_t>(shape[0] * depth_));
  in_threads(static_cast<std::size_t>(shape[0]), num_threads,
             [&](std::size_t volume) { fill(dataset, set, static_cast<std::int64_t>(volume)); });
}

void DeviceCache::fill(const Dataset& dataset, const std::string& set, std::int64_t volume) {
  const torch::NoGradGuard no_gradient;
  torch::Tensor images = torch::zeros({depth_, dataset.height(), dataset.width()}, torch::kFloat32);
  torch::Tensor masks = torch::zeros({depth_, dataset.height(), dataset.width()}, torch::kUInt8);
  for (std::int64_t slice = 0; slice < depth_; ++slice) {
    std::uint8_t& present = present_[static_cast<std::size_t>(volume * depth_ + slice)];
    try {
      dataset.read_slice(set, volume, slice, images[slice].data_ptr<float>(), nullptr);
      present = has_image;
      dataset.read_slice(set, volume, slice, nullptr, masks[slice].data_ptr<std::uint8_t>());
      present = has_both;
    } catch (const DataError&) {
      continue;  // whoever wants the slice meets the fault again
    }
  }
  images_[volume].copy_(images);
  masks_[volume].copy_(masks);
}

std::int64_t DeviceCache::num_missing() const {
  return std::count_if(present_.begin(), present_.end(), [](auto present) { return present < has_both; });
}

bool DeviceCache::has(std::int64_t volume, std::int64_t slice, bool with_mask) const {
  return present_[static_cast<std::size_t>(volume * depth_ + slice)] >= (with_mask ? has_both : has_image);
}

}  // namespace gyrus
