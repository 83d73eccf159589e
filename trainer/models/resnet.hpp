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

namespace gyrus {

struct EncoderOptions {
  std::int64_t width = 64;                          // channels of the stem; stage i has 4 width 2^i outputs
  std::vector<std::int64_t> blocks = {3, 4, 6, 3};  // bottlenecks per stage
  double drop_path = 0.0;  // stochastic depth of the last block (Q3: the published code has 0.05)
  std::int64_t norm_group_samples = 0;  // samples that share batch statistics

  void fields(Fields& f);
};

/// ResNet of bottlenecks for one-channel slices: stem 7x7/2, max-pool, stages, global average pool, linear.
/// Parameter names are those of timm 0.6.7. Batch statistics are taken over fixed groups of samples
/// (batch_norm.hpp). Reference: He et al. 2016, arXiv 1512.03385; method section 3.
class ResNet : public torch::nn::Module {
 public:
  ResNet(const EncoderOptions& options, std::int64_t outputs);

  /// @param slices  [B, 1, H, W], about [0, 1]
  /// @param keep    [blocks, B] with 0/1, which residual branches stay (stochastic depth), or undefined: all
  /// @returns [B, outputs]
  torch::Tensor forward(const torch::Tensor& slices, const torch::Tensor& keep = {});

  /// Probability of dropping block i, 0 for the first, `drop_path` for the last.
  const std::vector<double>& drop_rates() const { return drop_rates_; }

  /// What the norms take as a batch; set once, before the first training step.
  SampleGroups& sample_groups() { return *groups_; }

  void record_blocks(bool on) { recording_ = on; }
  const std::vector<std::pair<std::string, torch::Tensor>>& recorded_blocks() const { return recorded_; }

 private:
  std::shared_ptr<SampleGroups> groups_;
  std::shared_ptr<torch::nn::Module> stem_conv_, classifier_;
  std::shared_ptr<GroupBatchNorm> stem_norm_;
  std::vector<std::shared_ptr<torch::nn::Module>> bottlenecks_;
  std::vector<double> drop_rates_;
  bool recording_ = false;
  std::vector<std::pair<std::string, torch::Tensor>> recorded_;
};

}  // namespace gyrus
