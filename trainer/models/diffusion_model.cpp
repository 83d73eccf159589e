#include "trainer/models/diffusion_model.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include "launch/error.hpp"
#include "trainer/models/layers.hpp"

namespace gyrus {
void ModelOptions::fields(Fields& f) {
  f.field("name", name, "what the model is called in tables");
  f.field("kind", kind,
          "what is trained: diffusion (the method's model) or spark (masked pre-training of its encoder)",
          {.choices = {"diffusion", "spark"}});
  f.field("conditioning", conditioning, "what the UNet is told about the clean slice",
          {.choices = {"encoder", "none"}});
  f.field("condition_dim", condition_dim, "length of the encoder's vector (Q2: 512 in the published code)",
          {.min = 1});
  f.field("condition_dropout", condition_dropout,
          "share of the training samples whose condition is replaced by zeros", {.min = 0.0, .max = 0.99});
  unet.fields(f);
  f.group("encoder", encoder);
  f.group("spark", spark);
}

void ModelOptions::validate() const {
  encoder.validate();
  if (kind == "spark") return;
  unet.validate();
  if (is_conditioned()) return;
  if (condition_dropout > 0.0)
    throw ConfigError(fmt::format(
        "model.condition_dropout = {} has nothing to drop with model.conditioning=none; set it to 0",
        condition_dropout));
  if (unet.injection != "concat")
    throw ConfigError(fmt::format(
        "model.injection={} has nothing to inject with model.conditioning=none; leave it at concat",
        unet.injection));
  if (!encoder.init.empty())
    throw ConfigError("model.encoder.init is set, but model.conditioning=none has no encoder; leave it out");
}

DiffusionModel::DiffusionModel(const ModelOptions& options) {
  const bool conditioned = options.is_conditioned();
  if (conditioned) {
    encoder_ = std::make_shared<ResNet>(options.encoder, options.condition_dim);
    register_module("encoder", named_layers({{"encoder", encoder_}}));
  }
  unet_ = std::make_shared<Unet>(options.unet, conditioned ? options.condition_dim : 0);
  register_module("diffusion", named_layers({{"model", unet_}}));
}

std::int64_t num_parameters(const torch::nn::Module& model) {
  std::int64_t total = 0;
  for (const auto& parameter : model.parameters()) total += parameter.numel();
  return total;
}

}  // namespace gyrus
