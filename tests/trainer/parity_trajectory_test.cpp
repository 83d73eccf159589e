// Twenty optimizer steps with a given condition (and without one) against the published implementation's
// numbers.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/support/parity.hpp"
#include "trainer/diffusion/objective.hpp"
#include "trainer/diffusion/schedule.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/optimizer.hpp"
#include "trainer/state_tensors.hpp"

namespace gyrus {
namespace {

using parity::Case;

class TrajectoryParity : public parity::CaseTest {};

TEST_P(TrajectoryParity, LossesGradientsAndUpdates) {
  const auto [name, type] = GetParam();
  const Case c(name);
  const std::string salt = c.text_attribute("/", "fill_salt");
  const std::string short_name = name.substr(std::string("trajectory_").size());
  const bool conditioned = short_name.starts_with("cond");

  UnetOptions options;  // the network of the case unet_small
  options.base_width = 32;
  Unet unet(options, conditioned ? 128 : 0);
  parity::fill_model(c, unet, type, "diffusion.model.");
  const auto parameters = unet.parameters();
  std::vector<torch::Tensor> before;
  for (const auto& parameter : parameters) before.push_back(parameter.detach().clone());

  OptimizerOptions rule;
  rule.name = short_name.ends_with("adamw") ? "adamw" : "adam";
  rule.lr = c.scalar("/steps/lr");
  if (rule.name == "adamw") {
    rule.weight_decay = 0.05;  // what the case's description says
    rule.beta2 = 0.95;
  }
  Optimizer optimizer(rule, parameters);
  const Schedule schedule(1000);
  const torch::Tensor t = c.tensor("/steps/t");
  std::vector<double> losses, norms;
  for (std::int64_t step = 0; step < t.size(0); ++step) {
    const auto input = [&](const std::string& what, at::IntArrayRef shape, double offset, double scale) {
      return parity::fill(salt, "input/traj/" + short_name + "/" + what + "/" + std::to_string(step), shape,
                          offset, scale, type);
    };
    const torch::Tensor clean = to_diffusion_range(input("x", {4, 1, 32, 32}, 0.5, 0.5));
    const torch::Tensor noise = input("noise", {4, 1, 32, 32}, 0.0, 1.0);
    const torch::Tensor condition = conditioned ? input("c", {4, 128}, 0.0, 1.0) : torch::Tensor();
    unet.zero_grad();
    const torch::Tensor prediction =
        unet.forward(schedule.add_noise(clean, noise, t[step]), t[step], condition);
    const torch::Tensor loss = per_sample_l1(prediction, clean, {}).mean();
    loss.backward();
    losses.push_back(loss.item<double>());
    norms.push_back(gradient_norm(parameters).item<double>());
    optimizer.step(rule.lr);
  }
  c.expect("/steps/loss", torch::tensor(losses, torch::kFloat64), type);
  c.expect("/steps/gradient_norm", torch::tensor(norms, torch::kFloat64), type);

  std::map<std::string, double> update_of;
  double final_square = 0.0, update_square = 0.0;
  std::size_t i = 0;
  for (const auto& item : unet.named_parameters()) {
    const torch::Tensor value = item.value().detach().to(torch::kFloat64);
    const double update = (value - before[i++].to(torch::kFloat64)).norm().item<double>();
    update_of["diffusion.model." + item.key()] = update;
    update_square += update * update;
    final_square += value.square().sum().item<double>();
  }
  std::vector<double> updates;
  for (const auto& parameter : c.texts("/params/name")) updates.push_back(update_of.at(parameter));
  c.expect("/params/update_norm", torch::tensor(updates, torch::kFloat64), type);
  c.expect("/steps/update_norm", torch::tensor(std::sqrt(update_square), torch::kFloat64), type);
  c.expect("/steps/final_norm", torch::tensor(std::sqrt(final_square), torch::kFloat64), type);
}

INSTANTIATE_TEST_SUITE_P(parity, TrajectoryParity,
                         testing::ValuesIn(parity::cases_named({"trajectory_cond", "trajectory_uncond"})),
                         parity::label);

}  // namespace
}  // namespace gyrus
