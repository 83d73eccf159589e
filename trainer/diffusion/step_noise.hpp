#pragma once

#include <cstdint>
#include <memory>

#include "data/loader.hpp"
#include "trainer/diffusion/noise.hpp"

namespace gyrus {

/// The noise of training steps, drawn in the loader's threads ahead of the step that adds it; with
/// noise.device=cuda the threads draw the keys, have the GPU make the fields and wait for them. Determinism:
/// a field is keyed by its sample's epoch and global index or, when shared, by the global index of its step's
/// first sample; equal for any number of ranks, threads and batches ahead, and on either device. Thread
/// safety: `draw` may be called from any thread; no LibTorch.
class StepNoise {
 public:
  /// @param device  of the training @throws ConfigError, NotBuiltError
  StepNoise(const NoiseOptions& options, std::uint64_t seed, std::int64_t global_batch,
            torch::Device device = torch::kCPU);

  /// Fills batch.noise, [B, H, W].
  void draw(Batch& batch) const;

 private:
  bool is_shared_;
  std::uint64_t seed_, global_batch_;
  std::unique_ptr<NoiseModel> model_;
};

}  // namespace gyrus
