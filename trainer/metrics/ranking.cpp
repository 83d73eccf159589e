#include "trainer/metrics/ranking.hpp"

#include <limits>

namespace gyrus {

RankingAreas ranking_areas(std::span<const float> score, std::span<const std::uint8_t> label,
                           std::span<const std::uint32_t> descending, std::span<const std::uint8_t> inside) {
  constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
  double hits = 0.0, marked = 0.0;            // voxels of the thresholds so far
  double precision_area = 0.0, wins = 0.0;    // not yet divided by the number of lesion voxels
  double hits_here = 0.0, marked_here = 0.0;  // voxels that share the present score
  const auto close_group = [&] {
    const double misses_here = marked_here - hits_here;
    marked += marked_here;
    hits += hits_here;
    if (hits_here > 0.0) precision_area += hits_here * hits / marked;
    // Each healthy voxel here loses against the lesion voxels above it and half of those beside it.
    wins += misses_here * (hits - 0.5 * hits_here);
    hits_here = marked_here = 0.0;
  };
  float present = 0.0f;
  for (const std::uint32_t voxel : descending) {
    if (!inside.empty() && inside[voxel] == 0) continue;
    if (marked_here > 0.0 && score[voxel] != present) close_group();
    present = score[voxel];
    marked_here += 1.0;
    hits_here += label[voxel] != 0 ? 1.0 : 0.0;
  }
  close_group();
  const double healthy = marked - hits;
  return {hits > 0.0 ? precision_area / hits : undefined,
          hits > 0.0 && healthy > 0.0 ? wins / (hits * healthy) : undefined};
}

}  // namespace gyrus
