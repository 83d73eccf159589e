#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "data/loader.hpp"
#include "trainer/diffusion/schedule.hpp"
#include "trainer/diffusion/step_noise.hpp"
#include "trainer/distributed/gradient_sync.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/options.hpp"
#include "trainer/plan.hpp"

namespace gyrus {

/// What a rank knows after its forward and backward passes.
struct StepOutcome {
  double loss_sum = 0.0;     // over this rank's samples
  std::uint64_t inputs = 0;  // sum over samples of hashes of (position, slice id, timestep, noise values)
  double forward_seconds = 0.0, backward_seconds = 0.0, exposed_sync_seconds = 0.0;
};

/// Forward and backward of one step: afterwards every rank holds the gradient of the mean loss over the
/// global batch. The encoder runs once over the rank's part, the UNet in micro-batches; gradients reach the
/// encoder through the condition vectors, so micro-batches change memory, not mathematics. Determinism:
/// timesteps and noise are keyed by the global sample index; equal for every number of ranks and micro-batch
/// size.
class TrainingStep {
 public:
  /// Collective.
  TrainingStep(const Options& options, const Plan& plan, DiffusionModel& model, GradientSync& sync, int rank,
               std::function<void(torch::Tensor&)> sum_over_ranks, torch::Device device);

  /// Adds to a batch what the step needs beside the slices: its noise. For the loader's threads.
  void complete(Batch& batch) const { noise_.draw(batch); }

  /// Collective. @param batch  this rank's part of the step's global batch, completed
  StepOutcome run(const Batch& batch);

  /// Moves the encoder's running statistics by those of the last step; not called for a step whose update is
  /// left out. Collective.
  void update_statistics();

 private:
  struct Inputs {
    torch::Tensor slices, mask, timestep, noise;
  };
  Inputs make_inputs(const Batch& batch, StepOutcome& outcome) const;
  torch::Tensor drop_path_keep(const Batch& batch) const;

  const Options& options_;
  const Plan& plan_;
  DiffusionModel& model_;
  GradientSync& sync_;
  int rank_;
  torch::Device device_;
  Schedule schedule_;
  StepNoise noise_;
};

}  // namespace gyrus
