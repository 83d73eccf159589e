#pragma once

#include <span>

#include "trainer/models/spark.hpp"
#include "trainer/options.hpp"
#include "trainer/training_step.hpp"

namespace gyrus {

/// Visible cells of slices, [B, 1, rows, columns] of cells, 0/1 float32.
/// @param masks   [B, height, width], brain masks
/// @param random  numbers of each slice
torch::Tensor draw_visible(const ModelOptions& options, std::span<const std::uint8_t> masks,
                           std::int64_t height, std::int64_t width, std::span<const Random> random);

/// The step of masked pre-training: the whole part of the rank in one pass, since its batch norms need it.
/// Reference: method section 4.
class SparkStep : public TrainingStep {
 public:
  /// Collective.
  SparkStep(const Options& options, SparkModel& model, StepContext context);

  void complete(Batch&) const override {}
  StepOutcome run(const Batch& batch) override;
  void update_statistics() override;

 private:
  const Options& options_;
  SparkModel& model_;
  StepContext context_;
};

}  // namespace gyrus
