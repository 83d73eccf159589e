#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "launch/mpi.hpp"
#include "trainer/diffusion/noise.hpp"
#include "trainer/diffusion/reconstruct.hpp"
#include "trainer/evaluation/histogram.hpp"
#include "trainer/evaluation/options.hpp"
#include "trainer/metrics/extent.hpp"
#include "trainer/models/diffusion_model.hpp"

namespace gyrus {

/// Means over all voxels, and over those outside and inside lesions; NaN where there are none.
struct RegionMeans {
  double all = 0.0, healthy = 0.0, lesion = 0.0;
};

/// A volume after reconstruction and post-processing.
struct ScoredVolume {
  Volume volume;
  std::vector<float> reconstruction;  // [depth, height, width]; empty for maps without one
  std::vector<float> residual;        // |image - reconstruction|, brain only, median filtered
  RegionMeans l1, l2;                 // of the raw map and of its square, before any post-processing
  double loss = 0.0;  // training loss of the reconstruction: brain pixels, range [-1, 1], mean over slices
};

/// Fills l1 and l2 of `scored` from its raw map.
void measure_errors(const std::vector<float>& map, ScoredVolume& scored);

inline Extent extent_of(const Volume& volume) {
  return {volume.depth, volume.height, volume.width};
}

/// Sums of a whole set; equal on all ranks, bit for bit, for every number of ranks.
struct SetScores {
  std::string set;
  ResidualHistogram histogram;
  double loss = 0.0, l1 = 0.0;
  std::int64_t patients = 0;
  ResidualHistogram::Best best;
  std::vector<double> curve_thresholds, curve_dice;
  double auprc = 0.0, auroc = 0.0, seconds = 0.0;
};

/// Reconstructs and scores volumes. Determinism: the noise of a slice is keyed by (seed, volume id, slice,
/// level), so scores do not depend on the order of volumes, on ranks, or on what ran before (Q48).
class Evaluator {
 public:
  /// @param reconstructor  outlives the evaluator
  Evaluator(const Dataset& dataset, const Reconstructor& reconstructor, const NoiseOptions& noise,
            const EvaluationOptions& options, std::uint64_t seed, torch::Device device);

  /// Makes the raw anomaly map of a volume, before post-processing: [depth, height, width], not negative.
  /// Keeps what else it learns (the reconstruction) in the ScoredVolume it is given.
  using MapMaker = std::function<std::vector<float>(ScoredVolume&)>;

  /// The method's own map: |image - reconstruction|. Outside the brain mask the reconstruction of a model
  /// that learned the brain only is the image itself. @pre the model is in evaluation mode while the map
  /// maker is used
  MapMaker residuals_of(DiffusionModel& model) const;

  /// One volume. @throws DataError when it cannot be read
  ScoredVolume score(const MapMaker& make_map, const std::string& set, std::int64_t index) const;

  /// Scores a set, patients divided over ranks. `visit` sees each volume of this rank. Collective.
  SetScores score_set(const MapMaker& make_map, const std::string& set, const mpi::Communicator& communicator,
                      const std::function<void(const ScoredVolume&)>& visit = {}) const;

 private:
  torch::Tensor reconstruct_volume(DiffusionModel& model, const Volume& volume) const;
  torch::Tensor noise_for(const Volume& volume, std::int64_t first_slice, std::int64_t slices,
                          std::int64_t level) const;

  const Dataset& dataset_;
  const Reconstructor& reconstructor_;
  NoiseOptions noise_;
  EvaluationOptions options_;
  std::unique_ptr<NoiseModel> noise_model_;
  std::uint64_t seed_;
  torch::Device device_;
};

}  // namespace gyrus
