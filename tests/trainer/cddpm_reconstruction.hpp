#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "tests/support/parity.hpp"
#include "trainer/diffusion/reconstruct.hpp"
#include "trainer/diffusion/simplex.hpp"
#include "trainer/models/diffusion_model.hpp"

namespace gyrus {

/// The evaluation part of the parity case cddpm: condition, one reconstruction, and the mean of three.
inline void expect_published_reconstruction(const parity::Case& c, DiffusionModel& model,
                                            torch::ScalarType type) {
  model.eval();
  const torch::NoGradGuard no_gradient;
  const torch::Tensor volume = c.tensor("/test/volume").to(type).permute({2, 0, 1}).unsqueeze(1).contiguous();
  c.expect("/test/condition", model.encoder().forward(volume), type);
  const torch::Tensor seeds = c.tensor("/test/noise_seeds");
  const std::vector<std::int64_t> levels = {249, 499, 749};
  const Reconstructor reconstructor({}, {}, 96, 96);
  const auto shared_field = [&](std::int64_t seed_index) {
    torch::Tensor field = torch::empty({96, 96}, torch::kFloat64);
    SimplexField{}.fill(SimplexNoise(seeds[seed_index].item<std::int64_t>()), 96, 96,
                        field.data_ptr<double>());
    return field.to(torch::kHalf).to(type).expand({volume.size(0), 1, 96, 96});
  };
  const auto to_volume = [](const torch::Tensor& slices) { return slices.squeeze(1).permute({1, 2, 0}); };
  const auto noise = [&](std::int64_t level) {
    return shared_field(level == 249 ? 0 : level == 499 ? 1 : 2);
  };
  c.expect("/test/single_499", to_volume(reconstructor.reconstruct(model, volume, {499}, noise)), type);
  c.expect("/test/ensemble", to_volume(reconstructor.reconstruct(model, volume, levels, noise)), type);
}

}  // namespace gyrus
