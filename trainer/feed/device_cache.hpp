#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "data/slice_cache.hpp"

namespace gyrus {

/// @throws ConfigError when a set of so many bytes takes more than half of what is free
void check_device_room(std::uint64_t bytes, std::uint64_t free, torch::Device device);

/// The images and masks of a whole set in a device's memory. A slice that could not be read when it was
/// filled is not in it. Thread safety: reading from any thread.
class DeviceCache : public SliceCache {
 public:
  /// Reads every slice of the set. @throws ConfigError when the set does not fit into half of the device's
  /// free memory
  DeviceCache(const Dataset& dataset, const std::string& set, torch::Device device, std::size_t num_threads);

  std::int64_t num_missing() const override;
  bool has(std::int64_t volume, std::int64_t slice, bool with_mask) const override;
  /// Always false: what is on a device is no quicker to have than the shard.
  bool read(std::int64_t, std::int64_t, float*, std::uint8_t*) const override { return false; }

  const torch::Tensor& images() const { return images_; }  // [volumes, depth, H, W], float32
  const torch::Tensor& masks() const { return masks_; }    // [volumes, depth, H, W], uint8

 private:
  void fill(const Dataset& dataset, const std::string& set, std::int64_t volume);

  std::int64_t depth_;
  torch::Tensor images_, masks_;
  std::vector<std::uint8_t> present_;  // [volumes * depth]: 1 the image, 2 image and mask
};

}  // namespace gyrus
