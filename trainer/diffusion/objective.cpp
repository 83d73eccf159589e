#include "trainer/diffusion/objective.hpp"

#include <torch/torch.h>

namespace gyrus {

torch::Tensor per_sample_l1(const torch::Tensor& prediction, const torch::Tensor& target,
                            const torch::Tensor& mask) {
  const torch::Tensor error = (prediction - target).abs();
  if (!mask.defined()) return error.mean({1, 2, 3});
  return (error * mask).sum({1, 2, 3}) / mask.sum({1, 2, 3}).clamp_min(1.0);
}

}  // namespace gyrus
