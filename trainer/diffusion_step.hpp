#pragma once

#include <memory>

#include "trainer/diffusion/training_inputs.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/training_step.hpp"

namespace gyrus {

/// The method's step: the encoder runs once over the rank's part, the UNet in micro-batches; gradients reach
/// the encoder through the condition vectors, so micro-batches change memory, not mathematics.
/// Determinism: equal for every micro-batch size, up to rounding.
class DiffusionStep : public TrainingStep {
 public:
  /// Collective. @param rows, columns  of the slices
  DiffusionStep(const Options& options, DiffusionModel& model, StepContext context, std::int64_t rows,
                std::int64_t columns);

  void complete(Batch& batch) const override { objective_.complete(batch); }
  StepOutcome run(const Batch& batch) override;
  void update_statistics() override;

 private:
  const Options& options_;
  DiffusionModel& model_;
  StepContext context_;
  DiffusionObjective objective_;
};

}  // namespace gyrus
