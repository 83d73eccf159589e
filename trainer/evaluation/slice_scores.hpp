#pragma once

#include <cstdint>
#include <vector>

#include "trainer/evaluation/evaluator.hpp"

namespace gyrus {

/// Scores of one slice.
struct SliceScore {
  std::int64_t index = 0, lesion_voxels = 0;
  double anomaly_score = 0.0;                        // mean residual inside the brain mask; 0 without brain
  double dice = 0.0, precision = 0.0, recall = 0.0;  // NaN in slices without a lesion
};
/// Slices along the axis of evaluation.slice_axis: axial, or the published first axis of the volume (Q43).
std::vector<SliceScore> score_slices(const ScoredVolume& scored, const std::vector<std::uint8_t>& map,
                                     const std::string& slice_axis);

/// How well the slices' anomaly scores find the slices with lesions, and their mean Dice; NaN where there is
/// none.
struct SliceSummary {
  double dice = 0.0, auprc = 0.0, auroc = 0.0;
};
SliceSummary summarise_slices(const std::vector<SliceScore>& slices);

}  // namespace gyrus
