#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

/// Layers that the models are put together from, named as in the published checkpoints.
namespace gyrus {

using ModulePtr = std::shared_ptr<torch::nn::Module>;

/// A module that only gives its children names ("0", "2"), as Python's nn.Sequential numbers its layers.
class NamedLayers : public torch::nn::Module {};
std::shared_ptr<NamedLayers> named_layers(std::initializer_list<std::pair<std::string, ModulePtr>> layers);

/// y = group_norm(x), in float32 for half types and cast back. eps 1e-5.
class GroupNorm32 : public torch::nn::Module {
 public:
  GroupNorm32(std::int64_t groups, std::int64_t channels);
  torch::Tensor forward(const torch::Tensor& x) const;

 private:
  std::int64_t groups_;
  torch::Tensor weight_, bias_;
};

/// 2D convolution with "same" padding of odd kernels. Weights are set by `initialise_weights`.
class Convolution : public torch::nn::Module {
 public:
  Convolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride = 1,
              bool bias = true);
  torch::Tensor forward(const torch::Tensor& x) const;

 private:
  std::int64_t stride_, padding_;
  torch::Tensor weight_, bias_;
};

class LinearLayer : public torch::nn::Module {
 public:
  LinearLayer(std::int64_t in, std::int64_t out);
  torch::Tensor forward(const torch::Tensor& x) const;

 private:
  torch::Tensor weight_, bias_;
};

}  // namespace gyrus
