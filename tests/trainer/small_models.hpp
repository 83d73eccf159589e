#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>

#include "tests/support/message_of.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/models/spark.hpp"

namespace gyrus::test {

inline ModelOptions small_model(const std::string& conditioning = "encoder") {
  ModelOptions options;
  options.conditioning = conditioning;
  options.condition_dim = 16;
  options.unet.base_width = 8;
  options.unet.multipliers = {1, 2};
  options.unet.blocks = 1;
  options.unet.norm_groups = 4;
  options.encoder.width = 4;
  options.encoder.blocks = {1, 1};
  return options;
}

/// Small random weights everywhere, so that no part is silent at its zero start.
inline void scatter_weights(torch::nn::Module& model) {
  const torch::NoGradGuard no_gradient;
  torch::manual_seed(5);
  for (auto& parameter : model.parameters()) parameter.add_(0.1 * torch::randn_like(parameter));
}

inline EncoderOptions small_encoder() {
  EncoderOptions options;
  options.width = 4;
  options.blocks = {1, 1};
  return options;
}

inline SparkOptions small_spark() {
  SparkOptions options;
  options.decoder_width = 16;
  return options;
}

}  // namespace gyrus::test
