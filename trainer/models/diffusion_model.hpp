#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "launch/config/fields.hpp"
#include "trainer/models/resnet.hpp"
#include "trainer/models/spark.hpp"
#include "trainer/models/unet.hpp"

namespace gyrus {

struct ModelOptions {
  std::string name = "cddpm";
  std::string kind = "diffusion";        // diffusion | spark
  std::string conditioning = "encoder";  // encoder | none
  std::int64_t condition_dim = 512;      // Q2: the published config says 128, its code uses 512
  double condition_dropout = 0.0;
  UnetOptions unet;
  EncoderOptions encoder;
  SparkOptions spark;

  bool is_conditioned() const { return conditioning == "encoder"; }
  void fields(Fields& f);
  /// @throws ConfigError when options do not fit together
  void validate() const;
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

std::int64_t num_parameters(const torch::nn::Module& model);

}  // namespace gyrus
