#pragma once

#include <cstdint>
#include <vector>

#include "trainer/metrics/extent.hpp"

namespace gyrus {

/// 26-connected components of a binary volume.
struct Components {
  std::vector<std::int32_t> label;  // per voxel: number of its component from 1, 0 outside
  std::vector<std::int64_t> size;   // voxels of component i + 1, in the order of their first voxels
};
Components label_components(const std::vector<std::uint8_t>& binary, Extent extent);

/// Drops components of fewer than `min_voxels` voxels.
void remove_small_components(std::vector<std::uint8_t>& binary, Extent extent, std::int64_t min_voxels);

/// Lesions of the label that the map touches, and components of the map that touch none.
struct LesionCounts {
  std::int64_t lesions = 0, found = 0, false_alarms = 0;
};
LesionCounts count_lesions(const std::vector<std::uint8_t>& map, const std::vector<std::uint8_t>& lesion,
                           Extent extent);

}  // namespace gyrus
