#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

#include "data/loader.hpp"

namespace gyrus {

class GradientSync;
class Plan;
class ResNet;
struct SampleGroups;

/// What a rank knows after its forward and backward passes.
struct StepOutcome {
  double loss_sum = 0.0;  // over this rank's samples
  // Sum over samples of hashes of (position, slice id, what was drawn for the sample's input: timestep, noise
  // and box, or the visible cells). Drop path and condition dropout are not part of it.
  std::uint64_t inputs = 0;
  double forward_seconds = 0.0, backward_seconds = 0.0, exposed_sync_seconds = 0.0;
};

/// Forward and backward of one step: afterwards every rank holds the gradient of the mean loss over the
/// global batch. Determinism: every random choice is keyed by the global sample index; equal for every number
/// of ranks.
class TrainingStep {
 public:
  virtual ~TrainingStep() = default;

  /// Adds to a batch what the step needs beside the slices. Called in the loader's threads, ahead of the
  /// step.
  virtual void complete(Batch& batch) const = 0;

  /// Collective. @param batch  this rank's part of the step's global batch, completed
  virtual StepOutcome run(const Batch& batch) = 0;

  /// Moves running statistics of batch norms by those of the last step; not called for a step whose update is
  /// left out. Collective.
  virtual void update_statistics() = 0;
};

/// What a step needs of the job around it; all of it outlives the step.
struct StepContext {
  const Plan& plan;
  GradientSync& sync;
  int rank;
  std::function<void(torch::Tensor&)> sum_over_ranks;
  torch::Device device;
};

/// Tells batch norms which samples of the global batch this rank holds.
void place_in_global_batch(SampleGroups& groups, const StepContext& context);

/// Which residual branches of the encoder stay for each sample (stochastic depth), [blocks, B], 0/1;
/// undefined when all always do. Determinism: keyed by (seed, epoch, global sample index).
torch::Tensor drop_path_keep(const ResNet& encoder, const Batch& batch, std::uint64_t seed,
                             torch::Device device);

}  // namespace gyrus
