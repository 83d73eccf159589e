#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "trainer/diffusion/schedule.hpp"
#include "trainer/models/diffusion_model.hpp"

namespace gyrus {

/// Noise [B, 1, H, W] for the slices at hand and one level.
using NoiseForLevel = std::function<torch::Tensor(std::int64_t level)>;

/// Test-time reconstruction: for each level one noising and one UNet call, then the mean over levels. The
/// condition is computed once from the clean slices. Not clamped (Q50). Evaluation mode and no gradients are
/// the caller's business.
/// @param slices  [B, 1, H, W], about [0, 1] @returns the same shape and range
/// Reference: method section 5.3.
torch::Tensor reconstruct(DiffusionModel& model, const Schedule& schedule, const torch::Tensor& slices,
                          const std::vector<std::int64_t>& levels, const NoiseForLevel& noise);

}  // namespace gyrus
