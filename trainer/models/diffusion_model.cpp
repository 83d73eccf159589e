#include "trainer/models/diffusion_model.hpp"

#include <torch/torch.h>

#include <cmath>
#include <map>
#include <vector>

#include "data/random.hpp"
#include "launch/files.hpp"
#include "trainer/models/layers.hpp"

namespace gyrus {
namespace {

bool ends_with_any(const std::string& name, std::initializer_list<const char*> suffixes) {
  for (const char* suffix : suffixes)
    if (name.ends_with(suffix)) return true;
  return false;
}

/// The last layer of a residual branch starts at zero, so that every block starts as the identity.
bool starts_at_zero(const std::string& name) {
  return ends_with_any(name, {".out_layers.3.weight", ".out_layers.3.bias", ".proj_out.weight",
                              ".proj_out.bias", "model.out.2.weight", "model.out.2.bias", ".bn3.weight"});
}

std::int64_t fan_in(const torch::Tensor& weight) {
  return weight.numel() / weight.size(0);
}

torch::Tensor uniform_like(const torch::Tensor& parameter, double bound, Random random) {
  std::vector<float> values(static_cast<std::size_t>(parameter.numel()));
  for (auto& value : values) value = static_cast<float>(random.uniform(-bound, bound));
  return torch::tensor(values).view(parameter.sizes());
}

torch::Tensor normal_like(const torch::Tensor& parameter, double standard_deviation, Random random) {
  std::vector<float> values(static_cast<std::size_t>(parameter.numel()));
  for (auto& value : values) value = static_cast<float>(standard_deviation * random.normal());
  return torch::tensor(values).view(parameter.sizes());
}

}  // namespace

void ModelOptions::fields(Fields& f) {
  f.field("name", name, "what the model is called in tables");
  f.field("conditioning", conditioning, "what the UNet is told about the clean slice",
          {.choices = {"encoder", "none"}});
  f.field("condition_dim", condition_dim, "length of the encoder's vector (Q2: 512 in the published code)",
          {.min = 1});
  unet.fields(f);
  f.group("encoder", encoder);
}

DiffusionModel::DiffusionModel(const ModelOptions& options) {
  const bool conditioned = options.conditioning == "encoder";
  if (conditioned) {
    encoder_ = std::make_shared<ResNet>(options.encoder, options.condition_dim);
    register_module("encoder", named_layers({{"encoder", encoder_}}));
  }
  unet_ = std::make_shared<Unet>(options.unet, conditioned ? options.condition_dim : 0);
  register_module("diffusion", named_layers({{"model", unet_}}));
}

void initialise_weights(torch::nn::Module& model, std::uint64_t seed) {
  const torch::NoGradGuard no_gradient;
  std::map<std::string, torch::Tensor> parameters;
  for (const auto& item : model.named_parameters()) parameters[item.key()] = item.value();
  for (auto& [name, parameter] : parameters) {
    const Random random(seed, Stream::weights, 0, digest64(name));
    if (starts_at_zero(name)) {
      parameter.zero_();
    } else if (parameter.dim() >= 2) {
      const bool encoder_convolution = name.starts_with("encoder.") && parameter.dim() == 4;
      const auto fan_out = static_cast<double>(parameter.numel() / parameter.size(1));
      parameter.copy_(
          encoder_convolution
              ? normal_like(parameter, std::sqrt(2.0 / fan_out), random)
              : uniform_like(parameter, 1.0 / std::sqrt(static_cast<double>(fan_in(parameter))), random));
    } else if (name.ends_with(".bias")) {
      const auto weight = parameters.at(name.substr(0, name.size() - 4) + "weight");
      if (weight.dim() < 2)
        parameter.zero_();  // a norm's bias
      else
        parameter.copy_(
            uniform_like(parameter, 1.0 / std::sqrt(static_cast<double>(fan_in(weight))), random));
    } else {
      parameter.fill_(1.0);  // a norm's weight
    }
  }
}

std::int64_t num_parameters(const torch::nn::Module& model) {
  std::int64_t total = 0;
  for (const auto& parameter : model.parameters()) total += parameter.numel();
  return total;
}

}  // namespace gyrus
