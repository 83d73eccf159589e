#include "trainer/evaluation/slice_scores.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "trainer/metrics/confusion.hpp"
#include "trainer/metrics/ranking.hpp"
#include "trainer/metrics/statistics.hpp"

namespace gyrus {
namespace {

struct SliceSums {
  Confusion counts;
  double residual = 0.0;
  std::int64_t brain = 0;
};

}  // namespace

std::vector<SliceScore> score_slices(const ScoredVolume& scored, const std::vector<std::uint8_t>& map,
                                     const std::string& slice_axis) {
  constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
  const Volume& volume = scored.volume;
  const bool is_axial = slice_axis == "axial";
  std::vector<SliceSums> sums(static_cast<std::size_t>(is_axial ? volume.depth : volume.height));
  for (std::int64_t z = 0; z < volume.depth; ++z)
    for (std::int64_t x = 0; x < volume.height; ++x)  // rows of a slice run along x, the volume's first axis
      for (std::int64_t y = 0; y < volume.width; ++y) {
        const std::int64_t voxel = extent_of(volume).index(z, x, y);
        SliceSums& slice = sums[is_axial ? z : x];
        const bool is_marked = map[voxel] != 0, is_lesion = volume.lesion[voxel] != 0;
        slice.counts.true_positives += is_marked && is_lesion;
        slice.counts.false_positives += is_marked && !is_lesion;
        slice.counts.false_negatives += !is_marked && is_lesion;
        if (volume.mask[voxel] == 0) continue;
        ++slice.brain;
        slice.residual += scored.residual[voxel];
      }
  std::vector<SliceScore> scores;
  for (const SliceSums& slice : sums) {
    SliceScore score;
    score.index = static_cast<std::int64_t>(scores.size());
    score.lesion_voxels = slice.counts.lesion();
    score.anomaly_score = slice.brain == 0 ? 0.0 : slice.residual / static_cast<double>(slice.brain);
    const Rates rates = rates_of(slice.counts);
    const bool has_lesion = score.lesion_voxels > 0;
    score.dice = has_lesion ? rates.dice : undefined;
    score.precision = has_lesion ? rates.precision : undefined;
    score.recall = has_lesion ? rates.sensitivity : undefined;
    scores.push_back(score);
  }
  return scores;
}

SliceSummary summarise_slices(const std::vector<SliceScore>& slices) {
  // Compared in double: two slices may differ by less than float32 shows.
  std::vector<std::uint32_t> descending(slices.size());
  std::iota(descending.begin(), descending.end(), 0u);
  std::ranges::stable_sort(descending, std::greater{},
                           [&](std::uint32_t i) { return slices[i].anomaly_score; });
  std::vector<double> dice;
  std::vector<float> place(slices.size());  // equal scores share a place; the higher, the more anomalous
  std::vector<std::uint8_t> label(slices.size());
  float present = static_cast<float>(slices.size());
  for (std::size_t i = 0; i < descending.size(); ++i) {
    const SliceScore& slice = slices[descending[i]];
    if (i > 0 && slices[descending[i - 1]].anomaly_score != slice.anomaly_score) present -= 1.0f;
    place[descending[i]] = present;
    label[descending[i]] = slice.lesion_voxels > 0 ? 1 : 0;
  }
  for (const SliceScore& slice : slices) dice.push_back(slice.dice);
  const RankingAreas areas = ranking_areas(place, label, descending);
  return {summarise(dice).mean, areas.average_precision, areas.auroc};
}

}  // namespace gyrus
