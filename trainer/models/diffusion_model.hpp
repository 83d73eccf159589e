#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "launch/config/fields.hpp"
#include "trainer/models/resnet.hpp"
#include "trainer/models/unet.hpp"

namespace gyrus {

struct ModelOptions {
  std::string name = "cddpm";
  std::string conditioning = "encoder";  // encoder | none
  std::int64_t condition_dim = 512;      // Q2: the published config says 128, its code uses 512
  UnetOptions unet;
  EncoderOptions encoder;

  void fields(Fields& f);
};

/// The UNet and, when conditioned, the encoder that describes the clean slice to it. State names equal the
/// published checkpoints': `diffusion.model.*` and `encoder.encoder.*`.
class DiffusionModel : public torch::nn::Module {
 public:
  explicit DiffusionModel(const ModelOptions& options);

  bool is_conditioned() const { return encoder_ != nullptr; }
  Unet& unet() { return *unet_; }
  ResNet& encoder() { return *encoder_; }  // @pre is_conditioned()

 private:
  std::shared_ptr<ResNet> encoder_;
  std::shared_ptr<Unet> unet_;
};

/// Sets every parameter from (seed, its name), so that equal names have equal weights in any build, order or
/// world size. Distributions are the published ones: PyTorch's defaults in the UNet, kaiming-normal fan-out
/// in the encoder's convolutions, zero for the last layer of each residual branch (method sections 2.3, 2.4,
/// 3).
void initialise_weights(torch::nn::Module& model, std::uint64_t seed);

std::int64_t num_parameters(const torch::nn::Module& model);

}  // namespace gyrus
