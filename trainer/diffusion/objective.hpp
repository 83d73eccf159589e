#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "data/random.hpp"
#include "launch/config/fields.hpp"
#include "trainer/diffusion/schedule.hpp"

namespace gyrus {

struct ObjectiveOptions {
  std::string prediction = "x0";  // x0 | noise
  bool divide_by_signal = true;   // Q8
  std::string error = "l1";       // l1 | l2
  std::string weight = "none";    // none | p2 | min_snr
  double p2_gamma = 1.0, p2_k = 1.0;
  double min_snr_gamma = 5.0;
  std::string mask = "brain";         // brain | none (Q14)
  std::string timesteps = "uniform";  // uniform | stratified

  void fields(Fields& f);
};

/// Slices live in [0, 1], the diffusion in [-1, 1] (Q4).
inline torch::Tensor to_diffusion_range(const torch::Tensor& slices) {
  return slices * 2 - 1;
}
inline torch::Tensor to_slice_range(const torch::Tensor& diffused) {
  return (diffused + 1) / 2;
}

/// What the network predicts, and how the clean slice follows from it. All tensors [B, 1, H, W].
class Prediction {
 public:
  virtual ~Prediction() = default;
  virtual torch::Tensor target(const torch::Tensor& clean, const torch::Tensor& noise) const = 0;
  /// @param output  the network's; @param timestep  [B]
  virtual torch::Tensor clean_from(const torch::Tensor& output, const torch::Tensor& noised,
                                   const torch::Tensor& timestep) const = 0;
};

/// One file each.
std::unique_ptr<Prediction> make_clean_prediction();
std::unique_ptr<Prediction> make_noise_prediction(const Schedule& schedule, bool divide_by_signal);
std::unique_ptr<Prediction> make_prediction(const ObjectiveOptions& options, const Schedule& schedule);

/// Factor of the loss at each timestep, [T] float32. p2: (k + SNR)^-gamma (Choi et al. 2022, arXiv
/// 2204.00227); min_snr: min(SNR, gamma), divided by the SNR when noise is predicted (Hang et al. 2023, arXiv
/// 2303.09556).
torch::Tensor loss_weights(const ObjectiveOptions& options, const Schedule& schedule);

/// The timestep of a sample: uniform over the schedule, or within the stratum of its position in the global
/// batch, so that every step sees the whole schedule.
std::int64_t draw_timestep(const ObjectiveOptions& options, Random random, std::int64_t position,
                           std::int64_t global_batch);

/// Error of each sample over the pixels of `mask`, divided by `pixels`.
/// @param error   l1 | l2
/// @param mask    [B, 1, H, W], 0/1, the type of `prediction`, or undefined: all pixels (Q14)
/// @param pixels  [B], or undefined: the pixels of the mask. A sample whose mask is empty contributes 0
/// @returns [B]
torch::Tensor per_sample_error(const std::string& error, const torch::Tensor& prediction,
                               const torch::Tensor& target, const torch::Tensor& mask,
                               const torch::Tensor& pixels = {});

}  // namespace gyrus
