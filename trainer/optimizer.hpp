#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "launch/config/fields.hpp"

namespace gyrus {

struct OptimizerOptions {
  std::string name = "adam";  // adam | adamw
  double lr = 1e-4;
  std::string schedule = "constant";  // constant | cosine
  std::int64_t warmup_samples = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;

  void fields(Fields& f);
  /// Learning rate of the step that begins after `samples` of `max_samples`: linear warm-up, then constant or
  /// half a cosine to 0.
  double learning_rate(std::int64_t samples, std::int64_t max_samples) const;
};

/// Adam (decay added to the gradient) and AdamW (decoupled decay), fused over all parameters.
/// Reference: Kingma & Ba 2015, arXiv 1412.6980; Loshchilov & Hutter 2019, arXiv 1711.05101. Equal to
/// PyTorch's.
class Optimizer {
 public:
  Optimizer(const OptimizerOptions& options, std::vector<torch::Tensor> parameters);

  /// One update from the parameters' gradients.
  void step(double learning_rate);

  std::int64_t num_steps() const { return num_steps_; }
  void set_num_steps(std::int64_t steps);
  /// Moments, in the order of the parameters.
  const std::vector<torch::Tensor>& first_moments() const { return first_; }
  const std::vector<torch::Tensor>& second_moments() const { return second_; }

 private:
  OptimizerOptions options_;
  std::vector<torch::Tensor> parameters_, first_, second_, steps_;
  std::int64_t num_steps_ = 0;
};

/// Norm over all gradients, [] of the gradients' type; reads them once.
torch::Tensor gradient_norm(const std::vector<torch::Tensor>& parameters);
/// Scales all gradients by `factor`.
void scale_gradients(const std::vector<torch::Tensor>& parameters, double factor);

}  // namespace gyrus
