#pragma once

#include <torch/types.h>

#include "data/loader.hpp"
#include "trainer/feed/side_stream.hpp"

namespace gyrus {

/// The arrays of a batch where the training step computes.
struct DeviceSlices {
  torch::Tensor images;   // [B, 1, H, W], float32, about [0, 1]
  torch::Tensor masks;    // [B, 1, H, W], uint8
  torch::Tensor noise;    // [B, 1, H, W], float32; undefined when the batch has none
  SideStream::Wait wait;  // before the first use, from the stream that uses them
};

/// The batch's arrays, ready for the current stream: those that a feed has brought, or copies made now.
/// @param device  where they are wanted
DeviceSlices slices_on_device(const Batch& batch, torch::Device device);

/// Copies of the batch's own arrays; from page-locked memory, without the host waiting, when the device is a
/// GPU.
DeviceSlices copy_to_device(const Batch& batch, torch::Device device);

}  // namespace gyrus
