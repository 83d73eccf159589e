#pragma once

#include <cstdint>
#include <utility>

namespace gyrus {

/// Turns samples into steps: the one place that knows how. Schedules are given in samples, so that they mean
/// the same for every number of ranks and every batch size.
class Plan {
 public:
  /// @throws FatalStateError when nothing would be trained or a rank would have no work, saying what to
  /// change
  Plan(std::int64_t max_samples, std::int64_t global_batch, int world_size);

  std::int64_t num_steps() const { return num_steps_; }
  std::int64_t global_batch() const { return global_batch_; }
  /// Samples left out at the end because they do not fill a global batch.
  std::int64_t dropped_samples() const { return dropped_samples_; }
  std::int64_t samples_after(std::int64_t steps) const { return steps * global_batch_; }

  /// Positions in the global batch [first, last) that a rank takes: contiguous, as even as possible.
  std::pair<std::int64_t, std::int64_t> part(int rank) const;
  /// Whether step `step` (0-based) is the first to end at or beyond a multiple of `every_samples`; never for
  /// 0.
  bool crosses(std::int64_t step, std::int64_t every_samples) const;
  /// Whether groups of `group_samples` consecutive samples are cut by the border between two ranks.
  bool groups_span_ranks(std::int64_t group_samples) const;

 private:
  std::int64_t num_steps_, global_batch_, dropped_samples_;
  int world_size_;
};

/// Index of the first sample of a validation that takes `count` random samples after `step` steps. Whole
/// epochs of the set and whole global batches begin there: every volume is taken once, and what samples of a
/// global batch share (a noise field, the strata of timesteps) is not cut.
std::uint64_t first_validation_sample(std::int64_t step, std::int64_t count, std::int64_t global_batch);

}  // namespace gyrus
