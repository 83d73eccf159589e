#pragma once

#include <torch/types.h>

#include <cstdint>

#include "data/augment/augment.hpp"

namespace gyrus {

/// A slice and its mask.
struct DeviceSlice {
  torch::Tensor image;  // [H, W], float32
  torch::Tensor mask;   // [H, W], uint8
};

/// data/augment/augment.hpp's augment_slice and transform_slice by tensor operations on the volume's device.
/// @param images  [depth, H, W] of the volume, float32; only slices with a weight are looked at
/// @param masks  [depth, H, W], uint8
/// Determinism: within 1e-5 of the CPU's (5e-7 but for gamma's power), masks equal; the same on every call.
DeviceSlice augment_on_device(const Augmentation& augmentation, std::int64_t slice,
                              const torch::Tensor& images, const torch::Tensor& masks);

}  // namespace gyrus
