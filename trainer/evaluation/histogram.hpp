#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "launch/mpi.hpp"
#include "trainer/evaluation/threshold_grid.hpp"

namespace gyrus {

/// Counts of voxels by (residual bin, label). Counts add over volumes and ranks, so every score of a set
/// follows from one all-reduce whatever rank held which patient. Bin k holds the residuals of
/// (k - 1) / 8192 < r <= k / 8192, so that the voxels above a threshold of the grid are whole bins; residuals
/// of 0 and below have bin 0, those above 8191 / 8192 share the last bin.
class ResidualHistogram {
 public:
  static constexpr std::int64_t num_bins = threshold_grid::size + 1;

  void add(std::span<const float> residual, std::span<const std::uint8_t> lesion);
  /// Collective.
  void sum_over_ranks(const mpi::Communicator& communicator);

  struct Best {
    double dice = 0.0, threshold = 0.0;
  };
  /// Pooled Dice 2|B & L| / (|B| + |L|) of the map "residual above the threshold", for thresholds of the
  /// grid; others are rounded down to it. 0 without lesions.
  double dice_above(double threshold) const;
  Best best_dice() const;
  /// Average precision, ties (equal bins) grouped; and area under the ROC curve. NaN without positives or
  /// negatives.
  double auprc() const;
  double auroc() const;
  std::int64_t lesion_voxels() const;

 private:
  std::vector<std::int64_t> counts_ = std::vector<std::int64_t>(2 * num_bins, 0);  // [label][bin]
};

}  // namespace gyrus
