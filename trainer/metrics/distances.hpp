#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "trainer/metrics/extent.hpp"

namespace gyrus {

/// Edge lengths of a voxel along depth, height, width; unit mm, or 1 each for distances in voxels.
using VoxelSize = std::array<double, 3>;

/// Euclidean distance of each voxel's centre to the nearest voxel with a value that is not 0; infinite when
/// there is none. Exact. Reference: Felzenszwalb, Huttenlocher 2012, doi:10.4086/toc.2012.v008a019
std::vector<double> distance_transform(const std::vector<std::uint8_t>& binary, Extent extent,
                                       const VoxelSize& voxel);

/// Distances between a map and a label, in the unit of the voxel size; all NaN when either is empty.
struct SurfaceScores {
  double hausdorff = 0.0;     // largest distance of a voxel of one to the other, between whole regions
  double hd95 = 0.0;          // 95th percentile of the distances between borders, both directions together
  double surface_dice = 0.0;  // share of border voxels closer than the tolerance to the other border
};
/// A border voxel has a face neighbour outside its region (or lies at the edge of the volume).
SurfaceScores surface_scores(const std::vector<std::uint8_t>& map, const std::vector<std::uint8_t>& lesion,
                             Extent extent, const VoxelSize& voxel, double tolerance);

}  // namespace gyrus
