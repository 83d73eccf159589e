// Optimizer steps against the published implementation's numbers: the UNet with a given condition, without
// one, and together with the encoder.
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

/// A trajectory's case and what it compares.
class Trajectory {
 public:
  /// @param prefix  of the case's names before the module's
  Trajectory(const std::string& name, torch::ScalarType type, torch::nn::Module& module, std::string prefix)
      : case_(name),
        type_(type),
        module_(module),
        prefix_(std::move(prefix)),
        short_name_(name.substr(std::string("trajectory_").size())) {
    parity::fill_model(case_, module_, type_, prefix_);
    for (const auto& parameter : module_.parameters()) before_.push_back(parameter.detach().clone());
  }

  const Case& file() const { return case_; }
  torch::Tensor input(const std::string& what, std::int64_t step, at::IntArrayRef shape, double offset,
                      double scale) const {
    return parity::fill(case_.text_attribute("/", "fill_salt"),
                        "input/traj/" + short_name_ + "/" + what + "/" + std::to_string(step), shape, offset,
                        scale, type_);
  }

  void expect_losses(const std::vector<double>& losses, const std::vector<double>& norms) const {
    case_.expect("/steps/loss", torch::tensor(losses, torch::kFloat64), type_);
    case_.expect("/steps/gradient_norm", torch::tensor(norms, torch::kFloat64), type_);
  }

  void expect_updates() const {
    std::map<std::string, double> update_of;
    double final_square = 0.0, update_square = 0.0;
    std::size_t i = 0;
    for (const auto& item : module_.named_parameters()) {
      const torch::Tensor value = item.value().detach().to(torch::kFloat64);
      const double update = (value - before_[i++].to(torch::kFloat64)).norm().item<double>();
      update_of[prefix_ + item.key()] = update;
      update_square += update * update;
      final_square += value.square().sum().item<double>();
    }
    std::vector<double> updates;
    for (const auto& name : case_.texts("/params/name"))
      updates.push_back(update_of.contains(name) ? update_of.at(name) : NAN);  // statistics are no parameters
    case_.expect("/params/update_norm", torch::tensor(updates, torch::kFloat64), type_);
    case_.expect("/steps/update_norm", torch::tensor(std::sqrt(update_square), torch::kFloat64), type_);
    case_.expect("/steps/final_norm", torch::tensor(std::sqrt(final_square), torch::kFloat64), type_);
  }

 private:
  Case case_;
  torch::ScalarType type_;
  torch::nn::Module& module_;
  std::string prefix_, short_name_;
  std::vector<torch::Tensor> before_;
};

class TrajectoryParity : public parity::CaseTest {};

TEST_P(TrajectoryParity, LossesGradientsAndUpdates) {
  const auto [name, type] = GetParam();
  const bool conditioned = name.starts_with("trajectory_cond");
  UnetOptions options;  // the network of the case unet_small
  options.base_width = 32;
  Unet unet(options, conditioned ? 128 : 0);
  const Trajectory trajectory(name, type, unet, "diffusion.model.");
  const Case& c = trajectory.file();

  OptimizerOptions rule;
  rule.name = name.ends_with("adamw") ? "adamw" : "adam";
  rule.lr = c.scalar("/steps/lr");
  if (rule.name == "adamw") {
    rule.weight_decay = 0.05;  // what the case's description says
    rule.beta2 = 0.95;
  }
  Optimizer optimizer(rule, unet.parameters());
  const Schedule schedule(1000);
  const torch::Tensor t = c.tensor("/steps/t");
  std::vector<double> losses, norms;
  for (std::int64_t step = 0; step < t.size(0); ++step) {
    const torch::Tensor clean = to_diffusion_range(trajectory.input("x", step, {4, 1, 32, 32}, 0.5, 0.5));
    const torch::Tensor noise = trajectory.input("noise", step, {4, 1, 32, 32}, 0.0, 1.0);
    const torch::Tensor condition =
        conditioned ? trajectory.input("c", step, {4, 128}, 0.0, 1.0) : torch::Tensor();
    unet.zero_grad();
    const torch::Tensor prediction =
        unet.forward(schedule.add_noise(clean, noise, t[step]), t[step], condition);
    const torch::Tensor loss = per_sample_error("l1", prediction, clean, {}).mean();
    loss.backward();
    losses.push_back(loss.item<double>());
    norms.push_back(gradient_norm(unet.parameters()).item<double>());
    optimizer.step(rule.lr);
  }
  trajectory.expect_losses(losses, norms);
  trajectory.expect_updates();
}

INSTANTIATE_TEST_SUITE_P(parity, TrajectoryParity,
                         testing::ValuesIn(parity::cases_named({"trajectory_cond", "trajectory_uncond"})),
                         parity::label);

class JointTrajectoryParity : public parity::CaseTest {};

TEST_P(JointTrajectoryParity, EncoderAndUnetTrainTogether) {
  const auto [name, type] = GetParam();
  ModelOptions options;
  options.unet.base_width = 32;
  options.condition_dim = 128;
  DiffusionModel model(options);
  const Trajectory trajectory(name, type, model, "");
  const Case& c = trajectory.file();
  OptimizerOptions rule;
  rule.lr = c.scalar("/steps/lr");
  Optimizer optimizer(rule, model.parameters());
  const Schedule schedule(1000);
  const torch::Tensor t = c.tensor("/steps/t"), slices = c.tensor("/steps/slices").to(type);
  std::vector<double> losses, norms;
  for (std::int64_t step = 0; step < t.size(0); ++step) {
    const torch::Tensor x = slices.slice(0, 4 * (step % 2), 4 * (step % 2) + 4);
    const torch::Tensor clean = to_diffusion_range(x);
    const torch::Tensor noise = trajectory.input("noise", step, x.sizes(), 0.0, 1.0);
    model.zero_grad();
    const torch::Tensor prediction =
        model.unet().forward(schedule.add_noise(clean, noise, t[step]), t[step], model.encoder().forward(x));
    const torch::Tensor loss = per_sample_error("l1", prediction, clean, {}).mean();
    loss.backward();
    losses.push_back(loss.item<double>());
    norms.push_back(gradient_norm(model.parameters()).item<double>());
    optimizer.step(rule.lr);
    update_running_statistics(model, model.encoder().sample_groups(), x.size(0));
  }
  trajectory.expect_losses(losses, norms);
  trajectory.expect_updates();
  c.expect("/params/stat_norm_after", parity::statistic_projections(c, model).norm, type);
}

INSTANTIATE_TEST_SUITE_P(parity, JointTrajectoryParity,
                         testing::ValuesIn(parity::cases_named({"trajectory_joint"})), parity::label);

}  // namespace
}  // namespace gyrus
