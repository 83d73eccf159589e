#pragma once

#include <torch/types.h>

#include <cstdint>

namespace gyrus {

/// Slices live in [0, 1], the diffusion in [-1, 1] (Q4).
inline torch::Tensor to_diffusion_range(const torch::Tensor& slices) {
  return slices * 2 - 1;
}
inline torch::Tensor to_slice_range(const torch::Tensor& diffused) {
  return (diffused + 1) / 2;
}

/// Mean absolute error of each sample, over the pixels of `mask` or, when it is undefined, over all pixels
/// (Q14). A sample whose mask is empty contributes 0.
/// @param prediction, target  [B, 1, H, W]
/// @param mask                [B, 1, H, W], 0/1, the type of `prediction`, or undefined
/// @returns [B]
torch::Tensor per_sample_l1(const torch::Tensor& prediction, const torch::Tensor& target,
                            const torch::Tensor& mask);

}  // namespace gyrus
