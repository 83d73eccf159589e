#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace gyrus {

/// Diffusion steps of the method (section 5.1); a timestep lies in 0 .. num_timesteps-1.
inline constexpr std::int64_t num_timesteps = 1000;

/// The cosine noise schedule: how much of the slice and of the noise x_t holds.
/// Reference: Nichol & Dhariwal 2021, arXiv 2102.09672, eq. 17; method section 5.1. Computed in float64.
struct Schedule {
  explicit Schedule(std::int64_t steps);

  /// x_t = sqrt(alpha_bar_t) x0 + sqrt(1 - alpha_bar_t) noise, with the tables rounded to float32.
  /// @param clean     [B, 1, H, W] in [-1, 1]
  /// @param noise     [B, 1, H, W]
  /// @param timestep  [B], int64, 0 .. steps-1
  torch::Tensor add_noise(const torch::Tensor& clean, const torch::Tensor& noise,
                          const torch::Tensor& timestep) const;

  /// The table's entry of each sample, [B, 1, 1, 1], on the device and in the type of `like`.
  torch::Tensor at(const torch::Tensor& table, const torch::Tensor& timestep,
                   const torch::Tensor& like) const;

  std::vector<double> beta, alpha_bar;
  torch::Tensor sqrt_alpha_bar, sqrt_one_minus_alpha_bar;  // [T], float32
};

}  // namespace gyrus
