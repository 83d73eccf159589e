#include "trainer/optimizer.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gyrus {
namespace {

std::vector<torch::Tensor> gradients_of(const std::vector<torch::Tensor>& parameters) {
  std::vector<torch::Tensor> gradients;
  gradients.reserve(parameters.size());
  for (const auto& parameter : parameters) gradients.push_back(parameter.grad());
  return gradients;
}

}  // namespace

void OptimizerOptions::fields(Fields& f) {
  f.field("name", name, "update rule", {.choices = {"adam", "adamw"}});
  f.field("lr", lr, "learning rate at its highest", {.min = 0.0});
  f.field("schedule", schedule, "of the learning rate, over max_samples",
          {.choices = {"constant", "cosine"}});
  f.field("warmup_samples", warmup_samples, "samples over which the learning rate rises from 0",
          {.min = 0, .unit = "samples"});
  f.field("beta1", beta1, "decay of the first moment", {.min = 0.0, .max = 1.0});
  f.field("beta2", beta2, "decay of the second moment", {.min = 0.0, .max = 1.0});
  f.field("epsilon", epsilon, "added to the root of the second moment", {.min = 0.0});
  f.field("weight_decay", weight_decay, "L2 penalty (adam) or decoupled decay (adamw)", {.min = 0.0});
}

double OptimizerOptions::learning_rate(std::int64_t samples, std::int64_t max_samples) const {
  if (samples < warmup_samples)
    return lr * static_cast<double>(samples + 1) / static_cast<double>(warmup_samples);
  if (schedule == "constant") return lr;
  const auto total = static_cast<double>(std::max<std::int64_t>(1, max_samples - warmup_samples));
  const double fraction = std::min(1.0, static_cast<double>(samples - warmup_samples) / total);
  return lr * 0.5 * (1.0 + std::cos(std::numbers::pi * fraction));
}

Optimizer::Optimizer(const OptimizerOptions& options, std::vector<torch::Tensor> parameters)
    : options_(options), parameters_(std::move(parameters)) {
  for (const auto& parameter : parameters_) {
    first_.push_back(torch::zeros_like(parameter));
    second_.push_back(torch::zeros_like(parameter));
  }
  // The fused kernels want a step count per parameter and only read it: all share one.
  const auto device = parameters_.empty() ? torch::Device(torch::kCPU) : parameters_.front().device();
  steps_.assign(parameters_.size(), torch::zeros({}, torch::dtype(torch::kFloat32).device(device)));
}

void Optimizer::set_num_steps(std::int64_t steps) {
  num_steps_ = steps;
  if (!steps_.empty()) steps_.front().fill_(static_cast<double>(steps));
}

void Optimizer::step(double learning_rate) {
  const torch::NoGradGuard no_gradient;
  set_num_steps(num_steps_ + 1);
  const auto gradients = gradients_of(parameters_);
  const auto& o = options_;
  const auto update = [&](auto&& fused) {
    fused(parameters_, gradients, first_, second_, /*max_exp_avg_sqs=*/std::vector<torch::Tensor>{}, steps_,
          learning_rate, o.beta1, o.beta2, o.weight_decay, o.epsilon, /*amsgrad=*/false, /*maximize=*/false,
          std::nullopt, std::nullopt);
  };
  if (o.name == "adamw")
    update([](auto&&... arguments) { torch::_fused_adamw_(arguments...); });
  else
    update([](auto&&... arguments) { torch::_fused_adam_(arguments...); });
}

torch::Tensor gradient_norm(const std::vector<torch::Tensor>& parameters) {
  const torch::NoGradGuard no_gradient;
  return torch::stack(torch::_foreach_norm(gradients_of(parameters))).norm();
}

void scale_gradients(const std::vector<torch::Tensor>& parameters, double factor) {
  const torch::NoGradGuard no_gradient;
  auto gradients = gradients_of(parameters);
  torch::_foreach_mul_(gradients, factor);
}

}  // namespace gyrus
