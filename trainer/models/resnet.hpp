#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "launch/config/fields.hpp"
#include "trainer/models/batch_norm.hpp"
#include "trainer/models/visible_cells.hpp"

namespace gyrus {

struct EncoderOptions {
  std::int64_t width = 64;                          // channels of the stem
  std::string block = "bottleneck";                 // bottleneck | basic
  std::vector<std::int64_t> blocks = {3, 4, 6, 3};  // per stage
  std::string norm = "batch";                       // batch | group | layer
  std::int64_t norm_group_samples = 0;              // samples that share batch statistics
  double drop_path = 0.0;  // stochastic depth of the last block (Q3: the published code has 0.05)
  std::string init;        // checkpoint whose encoder the training starts from; empty: random weights

  void fields(Fields& f);
  /// @throws ConfigError
  void validate() const;
};

/// Slices of H x W become maps of H / 2^(stages+1): what the last stage sees of the slice.
std::int64_t downsampling(const EncoderOptions& options);

/// ResNet for one-channel slices: stem 7x7/2, max-pool, stages, global average pool, linear. Parameter names
/// are those of timm 0.6.7. Batch statistics are taken over fixed groups of samples (batch_norm.hpp).
/// Reference: He et al. 2016, arXiv 1512.03385; method section 3.
class ResNet : public torch::nn::Module {
 public:
  /// @param outputs  length of the vector; 0: without the last layer, for `features` alone
  ResNet(const EncoderOptions& options, std::int64_t outputs);

  /// @param slices  [B, 1, H, W], about [0, 1]
  /// @param keep    [blocks, B] with 0/1, which residual branches stay (stochastic depth), or undefined: all
  /// @returns [B, outputs]
  torch::Tensor forward(const torch::Tensor& slices, const torch::Tensor& keep = {});

  /// Output of every stage, the largest map first; computed on the visible cells alone.
  std::vector<torch::Tensor> features(const torch::Tensor& slices, const torch::Tensor& keep = {},
                                      const VisibleCells& visible = {});
  /// Channels of each stage's output.
  const std::vector<std::int64_t>& stage_widths() const { return stage_widths_; }

  /// Probability of dropping block i, 0 for the first, `drop_path` for the last.
  const std::vector<double>& drop_rates() const { return drop_rates_; }

  /// What batch norms take as a batch; set once, before the first training step.
  SampleGroups& sample_groups() { return *groups_; }
  std::shared_ptr<const SampleGroups> shared_sample_groups() const { return groups_; }

  /// Name and output of every part of the last forward pass, kept only when asked for.
  void record_blocks(bool on) { recording_ = on; }
  const std::vector<std::pair<std::string, torch::Tensor>>& recorded_blocks() const { return recorded_; }

 private:
  class Block;
  class Bottleneck;
  class BasicBlock;
  void record(const std::string& name, const torch::Tensor& value);
  torch::Tensor run_stem(const torch::Tensor& slices, const VisibleCells& visible);

  std::shared_ptr<SampleGroups> groups_;
  std::shared_ptr<Convolution> stem_conv_;
  std::shared_ptr<Normalisation> stem_norm_;
  std::shared_ptr<LinearLayer> classifier_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::vector<std::int64_t> blocks_of_stage_, stage_widths_;
  std::vector<double> drop_rates_;
  bool recording_ = false;
  std::vector<std::pair<std::string, torch::Tensor>> recorded_;
};

}  // namespace gyrus
