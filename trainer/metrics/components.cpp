#include "trainer/metrics/components.hpp"

#include <algorithm>

namespace gyrus {
namespace {

/// Calls `action` with every neighbour of a voxel inside the volume (and with the voxel itself).
template <class Action>
void for_neighbours(std::int64_t voxel, Extent extent, Action&& action) {
  const std::int64_t x = voxel % extent.width, y = voxel / extent.width % extent.height,
                     z = voxel / (extent.width * extent.height);
  const std::int64_t last_z = std::min(extent.depth - 1, z + 1), last_y = std::min(extent.height - 1, y + 1),
                     last_x = std::min(extent.width - 1, x + 1);
  for (std::int64_t nz = std::max<std::int64_t>(0, z - 1); nz <= last_z; ++nz)
    for (std::int64_t ny = std::max<std::int64_t>(0, y - 1); ny <= last_y; ++ny)
      for (std::int64_t nx = std::max<std::int64_t>(0, x - 1); nx <= last_x; ++nx)
        action(extent.index(nz, ny, nx));
}

}  // namespace

Components label_components(const std::vector<std::uint8_t>& binary, Extent extent) {
  Components result;
  result.label.resize(binary.size());
  std::vector<std::int64_t> stack;
  for (std::int64_t start = 0; start < extent.voxels(); ++start) {
    if (binary[start] == 0 || result.label[start] != 0) continue;
    const auto number = static_cast<std::int32_t>(result.size.size() + 1);
    result.size.push_back(0);
    result.label[start] = number;
    stack.push_back(start);
    while (!stack.empty()) {
      const std::int64_t voxel = stack.back();
      stack.pop_back();
      ++result.size.back();
      for_neighbours(voxel, extent, [&](std::int64_t neighbour) {
        if (binary[neighbour] == 0 || result.label[neighbour] != 0) return;
        result.label[neighbour] = number;
        stack.push_back(neighbour);
      });
    }
  }
  return result;
}

void remove_small_components(std::vector<std::uint8_t>& binary, Extent extent, std::int64_t min_voxels) {
  if (min_voxels <= 1) return;
  const Components components = label_components(binary, extent);
  for (std::size_t i = 0; i < binary.size(); ++i) {
    const std::int32_t label = components.label[i];
    if (label != 0 && components.size[label - 1] < min_voxels) binary[i] = 0;
  }
}

LesionCounts count_lesions(const std::vector<std::uint8_t>& map, const std::vector<std::uint8_t>& lesion,
                           Extent extent) {
  const Components lesions = label_components(lesion, extent), marked = label_components(map, extent);
  std::vector<bool> is_found(lesions.size.size()), is_true(marked.size.size());
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (map[i] == 0 || lesion[i] == 0) continue;
    is_found[lesions.label[i] - 1] = true;
    is_true[marked.label[i] - 1] = true;
  }
  return {static_cast<std::int64_t>(is_found.size()), std::ranges::count(is_found, true),
          std::ranges::count(is_true, false)};
}

}  // namespace gyrus
