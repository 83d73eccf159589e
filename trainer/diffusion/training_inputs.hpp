#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "data/loader.hpp"
#include "trainer/diffusion/corruption.hpp"
#include "trainer/diffusion/objective.hpp"
#include "trainer/diffusion/schedule.hpp"
#include "trainer/diffusion/step_noise.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/options.hpp"

namespace gyrus {

/// What the networks receive for a part of a batch, on the device; float32 but for the timesteps.
struct DiffusionInputs {
  torch::Tensor slices;    // [B, 1, H, W], [0, 1]: what the encoder sees
  torch::Tensor clean;     // [B, 1, H, W], [-1, 1]
  torch::Tensor noise;     // [B, 1, H, W]
  torch::Tensor noised;    // [B, 1, H, W]: noise inside the sample's box only
  torch::Tensor timestep;  // [B], int64
  torch::Tensor mask;      // [B, 1, H, W], 0/1: pixels that count in the loss; undefined: all
  torch::Tensor pixels;    // [B]: what the loss is divided by; undefined: the pixels of the mask
  std::uint64_t hash = 0;  // sum over samples of hashes of (position, slice id, timestep, noise, box)

  /// Samples [first, last).
  DiffusionInputs part(std::int64_t first, std::int64_t last) const;
};

/// The random half of a training step: draws timesteps, noise and boxes of samples and makes the inputs; and
/// the loss that belongs to them. Determinism: keyed by (seed, epoch, global sample index) alone.
class DiffusionObjective {
 public:
  /// @param global_batch  samples that share a field with noise.sharing=batch, and strata of timesteps
  DiffusionObjective(const Options& options, std::uint64_t seed, std::int64_t global_batch, std::int64_t rows,
                     std::int64_t columns, torch::Device device);

  /// Adds the noise to a batch. Thread safety: from any thread.
  void complete(Batch& batch) const { noise_.draw(batch); }

  /// @param batch  completed
  DiffusionInputs make_inputs(const Batch& batch) const;

  /// Factor of each sample's condition, [B, 1]: 0 where it is dropped; undefined when none ever is.
  torch::Tensor condition_keep(const Batch& batch) const;

  /// @param output  the UNet's, [B, 1, H, W] @returns the weighted loss of each sample, [B]
  torch::Tensor loss(const torch::Tensor& output, const DiffusionInputs& inputs) const;

 private:
  void limit_to_boxes(const std::vector<Box>& boxes, DiffusionInputs& inputs) const;

  const Options& options_;
  std::uint64_t seed_;
  std::int64_t global_batch_, rows_, columns_;
  torch::Device device_;
  Schedule schedule_{num_timesteps};
  StepNoise noise_;
  std::unique_ptr<Corruption> corruption_;
  std::unique_ptr<Prediction> prediction_;
  torch::Tensor weights_;  // [T], on the device
};

}  // namespace gyrus
