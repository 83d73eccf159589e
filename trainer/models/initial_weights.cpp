#include "trainer/models/initial_weights.hpp"

#include <torch/torch.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "data/random.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

using Parameters = std::map<std::string, torch::Tensor>;

constexpr double narrow_deviation = 0.02;

bool ends_with_any(const std::string& name, std::initializer_list<const char*> suffixes) {
  for (const char* suffix : suffixes)
    if (name.ends_with(suffix)) return true;
  return false;
}

/// The norm at the end of a residual branch of the encoder: the third, or the second of a basic block.
bool is_last_norm_of_branch(const std::string& name, const Parameters& parameters) {
  if (name.ends_with(".bn3.weight")) return true;
  return name.ends_with(".bn2.weight") &&
         !parameters.contains(name.substr(0, name.size() - std::string("2.weight").size()) + "3.weight");
}

/// The last layer of a residual branch starts at zero, so that every block starts as the identity.
bool starts_at_zero(const std::string& name, const Parameters& parameters) {
  return ends_with_any(name, {".out_layers.3.weight", ".out_layers.3.bias", ".proj_out.weight",
                              ".proj_out.bias", "model.out.2.weight", "model.out.2.bias",
                              ".film_layers.1.weight", ".film_layers.1.bias"}) ||
         is_last_norm_of_branch(name, parameters);
}

double fan_in(const torch::Tensor& weight) {
  return static_cast<double>(weight.numel() / weight.size(0));
}

double fan_out(const torch::Tensor& weight) {
  return static_cast<double>(weight.numel() / weight.size(1));
}

template <class Draw>
torch::Tensor drawn_like(const torch::Tensor& parameter, Draw&& draw) {
  std::vector<float> values(static_cast<std::size_t>(parameter.numel()));
  for (auto& value : values) value = static_cast<float>(draw());
  return torch::tensor(values).view(parameter.sizes());
}

/// Normal numbers; those beyond `cut` are drawn again.
torch::Tensor truncated_normal_like(const torch::Tensor& parameter, double deviation, double cut,
                                    Random random) {
  return drawn_like(parameter, [&] {
    double value = cut + 1.0;
    while (std::abs(value) > cut) value = deviation * random.normal();
    return value;
  });
}

torch::Tensor weight_like(const std::string& name, const torch::Tensor& parameter, Random random) {
  const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
  if (has("mask_tokens."))
    return truncated_normal_like(parameter, narrow_deviation, narrow_deviation, random);
  const bool up = has("dense_decoder.") && has(".up.");
  if (has("dense_decoder.") && !up) return truncated_normal_like(parameter, narrow_deviation, 2.0, random);
  const bool in_encoder = name.starts_with("encoder.") || has("sparse_encoder.");
  if (up || (in_encoder && parameter.dim() == 4)) {
    const double deviation = std::sqrt(2.0 / fan_out(parameter));
    return drawn_like(parameter, [&] { return deviation * random.normal(); });
  }
  const double bound = 1.0 / std::sqrt(fan_in(parameter));
  return drawn_like(parameter, [&] { return random.uniform(-bound, bound); });
}

torch::Tensor bias_like(const std::string& name, const torch::Tensor& parameter, const torch::Tensor& weight,
                        Random random) {
  const bool of_norm = weight.dim() < 2;
  if (of_norm || name.find("dense_decoder.") != std::string::npos) return torch::zeros_like(parameter);
  const double bound = 1.0 / std::sqrt(fan_in(weight));
  return drawn_like(parameter, [&] { return random.uniform(-bound, bound); });
}

}  // namespace

void initialise_weights(torch::nn::Module& model, std::uint64_t seed) {
  const torch::NoGradGuard no_gradient;
  Parameters parameters;
  for (const auto& item : model.named_parameters()) parameters[item.key()] = item.value();
  for (auto& [name, parameter] : parameters) {
    const Random random(seed, Stream::weights, 0, digest64(name));
    if (starts_at_zero(name, parameters))
      parameter.zero_();
    else if (parameter.dim() >= 2)
      parameter.copy_(weight_like(name, parameter, random));
    else if (name.ends_with(".bias"))
      parameter.copy_(
          bias_like(name, parameter, parameters.at(name.substr(0, name.size() - 4) + "weight"), random));
    else
      parameter.fill_(1.0);  // a norm's weight
  }
}

}  // namespace gyrus
