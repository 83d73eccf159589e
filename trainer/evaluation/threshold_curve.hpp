#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "launch/mpi.hpp"
#include "trainer/evaluation/threshold_grid.hpp"
#include "trainer/metrics/extent.hpp"

namespace gyrus {

struct BestThreshold {
  double value = 0.0, threshold = 0.0;  // the objective there; of equal ones the highest threshold
};

/// What a volume's binary map is at every threshold of the grid.
struct ThresholdCurve {
  std::vector<std::int64_t> marked, hits;  // [threshold]: voxels of the map, and those of them in lesions
  std::int64_t lesion_voxels = 0;

  double dice(std::int64_t index) const;  // NaN when map and label are empty
  BestThreshold best() const;
};

/// Maps without components of fewer than `min_component` voxels (26-connected), as
/// remove_small_components() would leave them at each threshold; all thresholds in one pass, in which
/// components grow and join as the threshold falls. Fast for limits of some ten voxels. `descending` lists
/// the voxels from the highest residual.
ThresholdCurve threshold_curve(std::span<const float> residual, std::span<const std::uint8_t> lesion,
                               std::span<const std::uint32_t> descending, Extent extent,
                               std::int64_t min_component);

/// Sums of the curves of a set. Determinism: whole numbers alone are added, so the result does not depend on
/// which rank held which patient; a patient's Dice is rounded to 2^-40.
class SetCurve {
 public:
  void add(const ThresholdCurve& curve);
  /// Collective.
  void sum_over_ranks(const mpi::Communicator& communicator);
  /// @param objective  pooled: Dice of all voxels together; patient: mean of the patients' Dice, in which an
  /// empty map without a lesion counts 1
  BestThreshold best(const std::string& objective) const;

 private:
  double value(std::int64_t index, bool pooled) const;

  std::vector<std::int64_t> marked_ = std::vector<std::int64_t>(threshold_grid::size, 0);
  std::vector<std::int64_t> hits_ = marked_, dice_units_ = marked_;
  std::int64_t lesion_voxels_ = 0, patients_ = 0;
};

}  // namespace gyrus
