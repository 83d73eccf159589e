#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "trainer/diffusion/corruption.hpp"
#include "trainer/diffusion/objective.hpp"
#include "trainer/diffusion/schedule.hpp"
#include "trainer/models/diffusion_model.hpp"

namespace gyrus {

/// Noise [B, 1, H, W] for the slices at hand and one level.
using NoiseForLevel = std::function<torch::Tensor(std::int64_t level)>;

/// Test-time reconstruction in a single step: noise, one UNet call, back to the clean slice.
/// Reference: method sections 5.3 and 9.
class Reconstructor {
 public:
  /// @param rows, columns  of the slices
  Reconstructor(const ObjectiveOptions& objective, const CorruptionOptions& corruption, std::int64_t rows,
                std::int64_t columns);

  /// For each level the slices are noised, restored and stitched: every box of the corruption is noised
  /// alone, all boxes of all slices in one UNet call. The result is the mean over levels; the condition is
  /// computed once from the clean slices. Not clamped (Q50). Evaluation mode and no gradients are the
  /// caller's business.
  /// @param slices  [B, 1, H, W], about [0, 1] @returns the same shape and range
  torch::Tensor reconstruct(DiffusionModel& model, const torch::Tensor& slices,
                            const std::vector<std::int64_t>& levels, const NoiseForLevel& noise) const;

  /// Whether the loss left the background out, so that what is restored there means nothing.
  bool learned_brain_only() const { return learned_brain_only_; }
  const Schedule& schedule() const { return schedule_; }

 private:
  torch::Tensor restore(DiffusionModel& model, const torch::Tensor& clean, const torch::Tensor& condition,
                        std::int64_t level, const torch::Tensor& noise) const;

  Schedule schedule_{num_timesteps};
  std::unique_ptr<Prediction> prediction_;
  bool learned_brain_only_;
  torch::Tensor box_masks_, merge_weights_;  // [boxes, 1, H, W]
};

}  // namespace gyrus
