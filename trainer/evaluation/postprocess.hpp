#pragma once

#include <cstdint>
#include <vector>

namespace gyrus {

/// Extent of a volume laid out [depth, height, width]; an axial slice is one `depth` index.
struct Extent {
  std::int64_t depth = 0, height = 0, width = 0;
  std::int64_t voxels() const { return depth * height * width; }
};

/// Erodes each axial slice with the 4-neighbour cross, `iterations` times; outside the image counts as 0.
/// Method section 7, step 5.
std::vector<std::uint8_t> erode_slices(const std::vector<std::uint8_t>& mask, Extent extent,
                                       std::int64_t iterations);

/// Median over cubes of odd `size`, borders mirrored about the edge (scipy "reflect"). Exact.
std::vector<float> median_filter(const std::vector<float>& values, Extent extent, std::int64_t size);

/// Drops 26-connected components of fewer than `min_voxels` voxels.
void remove_small_components(std::vector<std::uint8_t>& binary, Extent extent, std::int64_t min_voxels);

}  // namespace gyrus
