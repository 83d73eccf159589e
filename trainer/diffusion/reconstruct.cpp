#include "trainer/diffusion/reconstruct.hpp"

#include <torch/torch.h>

namespace gyrus {

Reconstructor::Reconstructor(const ObjectiveOptions& objective, const CorruptionOptions& corruption,
                             std::int64_t rows, std::int64_t columns)
    : prediction_(make_prediction(objective, schedule_)), learned_brain_only_(objective.mask == "brain") {
  const auto boxes = make_corruption(corruption, rows, columns)->boxes();
  box_masks_ = box_masks(boxes, rows, columns);
  merge_weights_ = merge_weights(boxes, rows, columns, corruption.merge);
}

torch::Tensor Reconstructor::restore(DiffusionModel& model, const torch::Tensor& clean,
                                     const torch::Tensor& condition, std::int64_t level,
                                     const torch::Tensor& noise) const {
  const std::int64_t slices = clean.size(0), boxes = box_masks_.size(0);
  const auto int64 = torch::TensorOptions().dtype(torch::kInt64).device(clean.device());
  const torch::Tensor noised =
      schedule_.add_noise(clean, noise, torch::full({slices}, level, int64)).unsqueeze(1);
  // [B, boxes, 1, H, W], then all boxes of all slices as one batch.
  const torch::Tensor in_box =
      torch::where(box_masks_.to(clean.device()).unsqueeze(0) > 0, noised, clean.unsqueeze(1)).flatten(0, 1);
  const torch::Tensor timestep = torch::full({slices * boxes}, level, int64);
  const torch::Tensor output = model.unet().forward(
      in_box, timestep, condition.defined() ? condition.repeat_interleave(boxes, 0) : condition);
  const torch::Tensor restored = prediction_->clean_from(output, in_box, timestep);
  const torch::Tensor weights = merge_weights_.to(clean.device(), clean.scalar_type()).unsqueeze(0);
  return (restored.unflatten(0, {slices, boxes}) * weights).sum(1);
}

torch::Tensor Reconstructor::reconstruct(DiffusionModel& model, const torch::Tensor& slices,
                                         const std::vector<std::int64_t>& levels,
                                         const NoiseForLevel& noise) const {
  const torch::Tensor condition = model.is_conditioned() ? model.encoder().forward(slices) : torch::Tensor();
  const torch::Tensor clean = to_diffusion_range(slices);
  torch::Tensor sum = torch::zeros_like(slices);
  for (const std::int64_t level : levels)
    sum += to_slice_range(restore(model, clean, condition, level, noise(level)));
  return sum / static_cast<double>(levels.size());
}

}  // namespace gyrus
