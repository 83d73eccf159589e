#pragma once

#include <cstdint>
#include <span>

namespace gyrus {

/// Areas under the precision-recall and the ROC curve; NaN without positives (or, for the ROC, negatives).
struct RankingAreas {
  double average_precision = 0.0, auroc = 0.0;
};

/// Exact areas of `score` against `label`: every distinct score is a threshold. `descending` lists the
/// voxels from the highest score to the lowest; where `inside` is given, voxels with 0 in it do not count.
/// Average precision is sum over thresholds k of (R_k - R_{k-1}) P_k; in the ROC, ties count half.
RankingAreas ranking_areas(std::span<const float> score, std::span<const std::uint8_t> label,
                           std::span<const std::uint32_t> descending,
                           std::span<const std::uint8_t> inside = {});

}  // namespace gyrus
