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

/// What normalises a feature map of an encoder or decoder.
class Normalisation : public torch::nn::Module {
 public:
  /// @param x       [B, C, H, W]; 0 where `active` is 0
  /// @param active  [B, 1, H, W], 0/1: positions that exist (sparse maps), or undefined: all
  /// @returns the shape of x; 0 where `active` is 0
  virtual torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& active) = 0;
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

/// Transposed convolution 4x4 with stride 2 and padding 1: doubles height and width. Weight [in, out, 4, 4].
class UpConvolution : public torch::nn::Module {
 public:
  UpConvolution(std::int64_t in, std::int64_t out);
  torch::Tensor forward(const torch::Tensor& x) const;

 private:
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
