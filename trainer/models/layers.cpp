#include "trainer/models/layers.hpp"

#include <torch/torch.h>

namespace gyrus {

std::shared_ptr<NamedLayers> named_layers(std::initializer_list<std::pair<std::string, ModulePtr>> layers) {
  auto parent = std::make_shared<NamedLayers>();
  for (const auto& [name, layer] : layers) parent->register_module(name, layer);
  return parent;
}

GroupNorm32::GroupNorm32(std::int64_t groups, std::int64_t channels) : groups_(groups) {
  weight_ = register_parameter("weight", torch::ones({channels}));
  bias_ = register_parameter("bias", torch::zeros({channels}));
}

torch::Tensor GroupNorm32::forward(const torch::Tensor& x) const {
  const bool half = x.scalar_type() == torch::kBFloat16 || x.scalar_type() == torch::kHalf;
  const torch::Tensor wide = half ? x.to(torch::kFloat32) : x;
  return torch::group_norm(wide, groups_, weight_, bias_, 1e-5).to(x.scalar_type());
}

Convolution::Convolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                         bool bias)
    : stride_(stride), padding_(kernel / 2) {
  weight_ = register_parameter("weight", torch::zeros({out, in, kernel, kernel}));
  if (bias) bias_ = register_parameter("bias", torch::zeros({out}));
}

torch::Tensor Convolution::forward(const torch::Tensor& x) const {
  return torch::conv2d(x, weight_, bias_, stride_, padding_);
}

UpConvolution::UpConvolution(std::int64_t in, std::int64_t out) {
  weight_ = register_parameter("weight", torch::zeros({in, out, 4, 4}));
  bias_ = register_parameter("bias", torch::zeros({out}));
}

torch::Tensor UpConvolution::forward(const torch::Tensor& x) const {
  return torch::conv_transpose2d(x, weight_, bias_, /*stride=*/2, /*padding=*/1);
}

LinearLayer::LinearLayer(std::int64_t in, std::int64_t out) {
  weight_ = register_parameter("weight", torch::zeros({out, in}));
  bias_ = register_parameter("bias", torch::zeros({out}));
}

torch::Tensor LinearLayer::forward(const torch::Tensor& x) const {
  return torch::linear(x, weight_, bias_);
}

}  // namespace gyrus
