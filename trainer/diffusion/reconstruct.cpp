#include "trainer/diffusion/reconstruct.hpp"

#include <torch/torch.h>

#include "trainer/diffusion/objective.hpp"

namespace gyrus {

torch::Tensor reconstruct(DiffusionModel& model, const Schedule& schedule, const torch::Tensor& slices,
                          const std::vector<std::int64_t>& levels, const NoiseForLevel& noise) {
  const torch::Tensor condition = model.is_conditioned() ? model.encoder().forward(slices) : torch::Tensor();
  const torch::Tensor clean = to_diffusion_range(slices);
  torch::Tensor sum = torch::zeros_like(slices);
  for (const std::int64_t level : levels) {
    const torch::Tensor timestep = torch::full(
        {slices.size(0)}, level, torch::TensorOptions().dtype(torch::kInt64).device(slices.device()));
    const torch::Tensor predicted =
        model.unet().forward(schedule.add_noise(clean, noise(level), timestep), timestep, condition);
    sum += to_slice_range(predicted);
  }
  return sum / static_cast<double>(levels.size());
}

}  // namespace gyrus
