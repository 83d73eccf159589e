#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "trainer/models/layers.hpp"

namespace gyrus {

/// Which samples of the global batch share batch statistics: fixed groups of `group_samples` consecutive
/// ones, so the mathematics does not depend on how ranks divide the batch. Shared by all norms of a model;
/// the training step sets it when it is made.
struct SampleGroups {
  std::int64_t first = 0;          // position of this rank's first sample in the global batch
  std::int64_t global_batch = 0;   // 0: the samples at hand are the whole batch
  std::int64_t group_samples = 0;  // 0: one group, the whole batch
  bool spans_ranks = false;  // some group has samples on several ranks: statistics are summed over ranks
  std::function<void(torch::Tensor&)>
      sum_over_ranks;  // collective; needed when spans_ranks, and by update_running_statistics

  std::int64_t num_groups(std::int64_t local_samples) const;
};

/// Batch normalisation over groups of samples (see SampleGroups). eps 1e-5, momentum 0.1, statistics in
/// float64 between ranks. Of a sparse map only active positions count (method section 4). In training mode
/// `forward` is collective when a group spans ranks, and so is its backward pass.
class GroupBatchNorm : public Normalisation {
 public:
  GroupBatchNorm(std::int64_t channels, std::shared_ptr<const SampleGroups> groups);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& active = {}) override;

 private:
  friend void update_running_statistics(torch::nn::Module& model, const SampleGroups& groups,
                                        std::int64_t local_samples);

  std::shared_ptr<const SampleGroups> groups_;
  torch::Tensor weight_, bias_, running_mean_, running_var_;
  torch::Tensor pending_;  // [2, C], float64: sums over this rank's groups of mean and unbiased variance of
                           // the last forward
};

/// After the forward passes of a step: moves the running statistics of every GroupBatchNorm in `model`
/// towards the mean over all groups of the global batch. Collective when ranks are several; the result is
/// equal on all ranks.
void update_running_statistics(torch::nn::Module& model, const SampleGroups& groups,
                               std::int64_t local_samples);

}  // namespace gyrus
