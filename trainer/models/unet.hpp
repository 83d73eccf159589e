#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "launch/config/fields.hpp"

namespace gyrus {

struct UnetOptions {
  std::int64_t base_width = 128;
  std::vector<std::int64_t> multipliers = {1, 2, 2};
  std::int64_t blocks = 3;  // residual blocks per level on the way down, one more on the way up
  std::int64_t norm_groups = 32;
  std::int64_t head_width = 64;
  std::string injection = "concat";  // concat | film: how the condition reaches the residual blocks
  std::vector<std::int64_t> attention_factors =
      {};  // downsampling factors with self-attention beside the middle block

  void fields(Fields& f);
  /// @throws ConfigError when widths, groups, heads and levels do not fit together
  void validate() const;
};

/// The denoising network: residual UNet whose blocks are scaled and shifted by the embedding of timestep and
/// condition. Parameter names are those of the published checkpoints (`input_blocks.0.0.weight`, ...).
/// Reference: Dhariwal & Nichol 2021, arXiv 2105.05233, as configured by Behrendt et al. 2023, arXiv
/// 2312.04215. Precision: group norms and softmax compute in float32 when the input is bfloat16.
class Unet : public torch::nn::Module {
 public:
  /// @param condition_dim  length of the condition vector; 0 makes an unconditioned network
  Unet(const UnetOptions& options, std::int64_t condition_dim);
  ~Unet() override;

  /// @param noised     [B, 1, H, W], about [-1, 1]; H and W divisible by 2^(levels-1)
  /// @param timestep   [B], int64
  /// @param condition  [B, condition_dim], or undefined when unconditioned
  /// @returns the predicted clean slice [B, 1, H, W]
  torch::Tensor forward(const torch::Tensor& noised, const torch::Tensor& timestep,
                        const torch::Tensor& condition);

  /// What every residual block receives, before its SiLU.
  struct Embedding {
    torch::Tensor main;       // [B, E]: [time | condition], or time alone when unconditioned or with `film`
    torch::Tensor condition;  // [B, 4 base_width] with `film`, else undefined
  };
  Embedding embed(const torch::Tensor& timestep, const torch::Tensor& condition, torch::ScalarType type);

  /// Name and output of every block of the last forward pass ("in.0", "mid.1", "out.11", "head"), kept only
  /// when asked for.
  void record_blocks(bool on) { recording_ = on; }
  const std::vector<std::pair<std::string, torch::Tensor>>& recorded_blocks() const { return recorded_; }

 private:
  struct Stage;
  torch::Tensor run(Stage& stage, torch::Tensor x, const Embedding& embedding);

  UnetOptions options_;
  std::int64_t condition_dim_;
  std::shared_ptr<torch::nn::Module> time_mlp_, condition_mlp_, head_;
  std::vector<Stage> input_stages_, output_stages_;
  std::unique_ptr<Stage> middle_;
  bool recording_ = false;
  std::vector<std::pair<std::string, torch::Tensor>> recorded_;
};

/// Sinusoidal embedding: cosines first. @param timestep [B] @returns [B, dim] of `type`, computed in float32
/// unless `type` is double. Reference: method section 2.2.
torch::Tensor timestep_embedding(const torch::Tensor& timestep, std::int64_t dim, torch::ScalarType type);

}  // namespace gyrus
