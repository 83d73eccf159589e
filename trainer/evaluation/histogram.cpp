#include "trainer/evaluation/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "launch/error.hpp"

namespace gyrus {
void ResidualHistogram::add(std::span<const float> residual, std::span<const std::uint8_t> lesion) {
  require(residual.size() == lesion.size(), "a residual and its lesion mask have equal sizes");
  for (std::size_t i = 0; i < residual.size(); ++i)
    ++counts_[(lesion[i] != 0 ? num_bins : 0) + threshold_grid::num_below(residual[i])];
}

void ResidualHistogram::sum_over_ranks(const mpi::Communicator& communicator) {
  communicator.sum_in_place(counts_);
}

std::int64_t ResidualHistogram::lesion_voxels() const {
  return std::accumulate(counts_.begin() + num_bins, counts_.end(), std::int64_t{0});
}

double ResidualHistogram::dice_above(double threshold) const {
  const std::int64_t first =
      1 + std::clamp<std::int64_t>(static_cast<std::int64_t>(threshold * threshold_grid::size), 0,
                                   threshold_grid::size - 1);
  const auto above = [&](std::int64_t label) {
    return std::accumulate(counts_.begin() + label * num_bins + first,
                           counts_.begin() + (label + 1) * num_bins, std::int64_t{0});
  };
  const std::int64_t hits = above(1), total = hits + above(0) + lesion_voxels();
  return total == 0 ? 0.0 : 2.0 * static_cast<double>(hits) / static_cast<double>(total);
}

ResidualHistogram::Best ResidualHistogram::best_dice() const {
  Best best;
  const std::int64_t lesion = lesion_voxels();
  std::int64_t hits = 0, positives = 0;
  for (std::int64_t bin = num_bins - 1; bin >= 1; --bin) {
    hits += counts_[num_bins + bin];
    positives += counts_[num_bins + bin] + counts_[bin];
    const double dice = positives + lesion == 0
                            ? 0.0
                            : 2.0 * static_cast<double>(hits) / static_cast<double>(positives + lesion);
    if (dice > best.dice) best = {dice, threshold_grid::threshold(bin - 1)};
  }
  return best;
}

double ResidualHistogram::auprc() const {
  const auto lesion = static_cast<double>(lesion_voxels());
  if (lesion == 0.0) return std::numeric_limits<double>::quiet_NaN();
  double area = 0.0, hits = 0.0, positives = 0.0;
  for (std::int64_t bin = num_bins - 1; bin >= 0; --bin) {
    const auto found = static_cast<double>(counts_[num_bins + bin]);
    hits += found;
    positives += found + static_cast<double>(counts_[bin]);
    if (found > 0.0) area += found / lesion * hits / positives;
  }
  return area;
}

double ResidualHistogram::auroc() const {
  const auto lesion = static_cast<double>(lesion_voxels());
  const auto healthy =
      static_cast<double>(std::accumulate(counts_.begin(), counts_.begin() + num_bins, std::int64_t{0}));
  if (lesion == 0.0 || healthy == 0.0) return std::numeric_limits<double>::quiet_NaN();
  // Probability that a lesion voxel scores higher than a healthy one, ties counting half.
  double below = 0.0, area = 0.0;
  for (std::int64_t bin = 0; bin < num_bins; ++bin) {
    const auto here = static_cast<double>(counts_[bin]);
    area += static_cast<double>(counts_[num_bins + bin]) * (below + 0.5 * here);
    below += here;
  }
  return area / (lesion * healthy);
}

}  // namespace gyrus
