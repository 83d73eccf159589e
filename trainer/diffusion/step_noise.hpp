#pragma once

#include <cstdint>
#include <memory>

#include "data/loader.hpp"
#include "trainer/diffusion/noise.hpp"

namespace gyrus {

/// The noise of training steps, drawn in the loader's threads ahead of the step that adds it. Determinism: a
/// field is keyed by its sample's epoch and global index or, when shared, by the global index of its step's
/// first sample; equal for any number of ranks, threads and batches ahead. Thread safety: `draw` may be
/// called from any thread; no LibTorch.
class StepNoise {
 public:
  StepNoise(const NoiseOptions& options, std::uint64_t seed, std::int64_t global_batch);

  /// Fills batch.noise, [B, H, W].
  void draw(Batch& batch) const;

 private:
  bool is_shared_;
  std::uint64_t seed_, global_batch_;
  std::unique_ptr<NoiseModel> model_;
};

}  // namespace gyrus
