#include "trainer/diffusion/schedule.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gyrus {
namespace {

constexpr double offset = 0.008;
constexpr double largest_beta = 0.999;

double cosine_alpha_bar(double fraction) {
  const double cosine = std::cos((fraction + offset) / (1.0 + offset) * std::numbers::pi / 2.0);
  return cosine * cosine;
}

}  // namespace

Schedule::Schedule(std::int64_t steps) {
  double product = 1.0;
  std::vector<double> signal, noise;
  for (std::int64_t t = 0; t < steps; ++t) {
    const auto total = static_cast<double>(steps);
    const double ratio = cosine_alpha_bar(static_cast<double>(t + 1) / total) /
                         cosine_alpha_bar(static_cast<double>(t) / total);
    beta.push_back(std::min(1.0 - ratio, largest_beta));
    product *= 1.0 - beta.back();
    alpha_bar.push_back(product);
    signal.push_back(std::sqrt(product));
    noise.push_back(std::sqrt(1.0 - product));
  }
  sqrt_alpha_bar = torch::tensor(signal, torch::kFloat64).to(torch::kFloat32);
  sqrt_one_minus_alpha_bar = torch::tensor(noise, torch::kFloat64).to(torch::kFloat32);
}

torch::Tensor Schedule::at(const torch::Tensor& table, const torch::Tensor& timestep,
                           const torch::Tensor& like) const {
  return table.to(like.device()).index_select(0, timestep).to(like.scalar_type()).view({-1, 1, 1, 1});
}

torch::Tensor Schedule::add_noise(const torch::Tensor& clean, const torch::Tensor& noise,
                                  const torch::Tensor& timestep) const {
  return at(sqrt_alpha_bar, timestep, clean) * clean + at(sqrt_one_minus_alpha_bar, timestep, clean) * noise;
}

}  // namespace gyrus
