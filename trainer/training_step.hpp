#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

#include "data/loader.hpp"

namespace gyrus {

class GradientSync;
class Plan;
struct SampleGroups;

/// What a rank knows after its forward and backward passes.
struct StepOutcome {
  double loss_sum = 0.0;     // over this rank's samples
  std::uint64_t inputs = 0;  // sum over samples of hashes of (position, slice id, random choices)
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

}  // namespace gyrus
