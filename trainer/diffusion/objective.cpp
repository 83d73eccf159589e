#include "trainer/diffusion/objective.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

namespace gyrus {

void ObjectiveOptions::fields(Fields& f) {
  f.field("prediction", prediction, "what the network predicts: the clean slice (x0) or the noise",
          {.choices = {"x0", "noise"}});
  f.field("divide_by_signal", divide_by_signal,
          "with prediction=noise: divide by sqrt(abar) on the way back to the slice (Q8: the published code "
          "does not)",
          {.may_change_on_resume = true});
  f.field("error", error, "of a pixel in the loss: absolute (l1) or squared (l2)", {.choices = {"l1", "l2"}});
  f.field("weight", weight, "of a timestep in the loss", {.choices = {"none", "p2", "min_snr"}});
  f.field("p2_gamma", p2_gamma, "exponent of weight=p2", {.min = 0.0});
  f.field("p2_k", p2_k, "offset of weight=p2", {.min = 1e-6});
  f.field("min_snr_gamma", min_snr_gamma, "largest signal-to-noise ratio that counts with weight=min_snr",
          {.min = 1e-6});
  f.field("mask", mask, "pixels that count in the loss (Q14: the published code takes all)",
          {.choices = {"brain", "none"}});
  f.field("timesteps", timesteps,
          "uniform: each sample's own draw; stratified: each sample of a global batch from its own part of "
          "the schedule",
          {.choices = {"uniform", "stratified"}});
}

std::unique_ptr<Prediction> make_prediction(const ObjectiveOptions& options, const Schedule& schedule) {
  if (options.prediction == "noise") return make_noise_prediction(schedule, options.divide_by_signal);
  return make_clean_prediction();
}

torch::Tensor loss_weights(const ObjectiveOptions& options, const Schedule& schedule) {
  std::vector<double> weights;
  for (const double alpha_bar : schedule.alpha_bar) {
    const double snr = alpha_bar / (1.0 - alpha_bar);
    if (options.weight == "p2")
      weights.push_back(std::pow(options.p2_k + snr, -options.p2_gamma));
    else if (options.weight == "min_snr")
      weights.push_back(std::min(snr, options.min_snr_gamma) / (options.prediction == "noise" ? snr : 1.0));
    else
      weights.push_back(1.0);
  }
  return torch::tensor(weights, torch::kFloat64).to(torch::kFloat32);
}

std::int64_t draw_timestep(const ObjectiveOptions& options, Random random, std::int64_t position,
                           std::int64_t global_batch) {
  if (options.timesteps == "uniform") return static_cast<std::int64_t>(random.below(num_timesteps));
  const double place = (static_cast<double>(position) + random.uniform()) / static_cast<double>(global_batch);
  return std::min(static_cast<std::int64_t>(place * num_timesteps), num_timesteps - 1);
}

torch::Tensor per_sample_error(const std::string& error, const torch::Tensor& prediction,
                               const torch::Tensor& target, const torch::Tensor& mask,
                               const torch::Tensor& pixels) {
  const torch::Tensor difference = prediction - target;
  const torch::Tensor per_pixel = error == "l2" ? difference.square() : difference.abs();
  if (!mask.defined()) return per_pixel.mean({1, 2, 3});
  const torch::Tensor divisor = pixels.defined() ? pixels : mask.sum({1, 2, 3});
  return (per_pixel * mask).sum({1, 2, 3}) / divisor.clamp_min(1.0);
}

}  // namespace gyrus
