#include "trainer/evaluation/postprocess.hpp"

#include <algorithm>

#include "launch/error.hpp"

namespace gyrus {
namespace {

/// Index mirrored about the edges, the edge sample repeated: -1 -> 0, -2 -> 1, n -> n-1.
std::int64_t reflect(std::int64_t index, std::int64_t size) {
  while (index < 0 || index >= size) index = index < 0 ? -1 - index : 2 * size - 1 - index;
  return index;
}

}  // namespace

std::vector<std::uint8_t> erode_slices(const std::vector<std::uint8_t>& mask, Extent extent,
                                       std::int64_t iterations) {
  std::vector<std::uint8_t> current(mask.size());
  std::ranges::transform(mask, current.begin(),
                         [](std::uint8_t value) { return static_cast<std::uint8_t>(value != 0); });
  std::vector<std::uint8_t> next(mask.size());
  const auto at = [&](std::int64_t z, std::int64_t y, std::int64_t x) -> std::uint8_t {
    if (y < 0 || y >= extent.height || x < 0 || x >= extent.width) return 0;
    return current[(z * extent.height + y) * extent.width + x];
  };
  for (std::int64_t i = 0; i < iterations; ++i) {
    for (std::int64_t z = 0; z < extent.depth; ++z)
      for (std::int64_t y = 0; y < extent.height; ++y)
        for (std::int64_t x = 0; x < extent.width; ++x)
          next[(z * extent.height + y) * extent.width + x] =
              at(z, y, x) & at(z, y - 1, x) & at(z, y + 1, x) & at(z, y, x - 1) & at(z, y, x + 1);
    current.swap(next);
  }
  return current;
}

std::vector<float> median_filter(const std::vector<float>& values, Extent extent, std::int64_t size) {
  require(size % 2 == 1, "the size of a median filter is odd");
  const std::int64_t half = size / 2;
  const auto rank = static_cast<std::size_t>(size * size * size / 2);
  std::vector<float> result(values.size());
  std::vector<float> window;
  window.reserve(static_cast<std::size_t>(size * size * size));
  for (std::int64_t z = 0; z < extent.depth; ++z)
    for (std::int64_t y = 0; y < extent.height; ++y)
      for (std::int64_t x = 0; x < extent.width; ++x) {
        window.clear();
        std::size_t zeros = 0, negatives = 0;
        for (std::int64_t dz = -half; dz <= half; ++dz)
          for (std::int64_t dy = -half; dy <= half; ++dy) {
            const float* row =
                &values[(reflect(z + dz, extent.depth) * extent.height + reflect(y + dy, extent.height)) *
                        extent.width];
            for (std::int64_t dx = -half; dx <= half; ++dx) {
              const float value = row[reflect(x + dx, extent.width)];
              negatives += value < 0.0f ? 1 : 0;
              if (value == 0.0f)
                ++zeros;
              else
                window.push_back(value);
            }
          }
        // Outside the brain zeros are the majority, and nothing needs sorting.
        float& out = result[(z * extent.height + y) * extent.width + x];
        if (negatives <= rank && rank < negatives + zeros) {
          out = 0.0f;
          continue;
        }
        const auto middle =
            window.begin() + static_cast<std::ptrdiff_t>(rank < negatives ? rank : rank - zeros);
        std::nth_element(window.begin(), middle, window.end());
        out = *middle;
      }
  return result;
}

void remove_small_components(std::vector<std::uint8_t>& binary, Extent extent, std::int64_t min_voxels) {
  std::vector<std::uint8_t> seen(binary.size(), 0);
  std::vector<std::int64_t> component, stack;
  for (std::int64_t start = 0; start < extent.voxels(); ++start) {
    if (binary[start] == 0 || seen[start] != 0) continue;
    component.clear();
    stack.assign(1, start);
    seen[start] = 1;
    while (!stack.empty()) {
      const std::int64_t voxel = stack.back();
      stack.pop_back();
      component.push_back(voxel);
      const std::int64_t x = voxel % extent.width, y = voxel / extent.width % extent.height,
                         z = voxel / (extent.width * extent.height);
      for (std::int64_t nz = std::max<std::int64_t>(0, z - 1); nz <= std::min(extent.depth - 1, z + 1); ++nz)
        for (std::int64_t ny = std::max<std::int64_t>(0, y - 1); ny <= std::min(extent.height - 1, y + 1);
             ++ny)
          for (std::int64_t nx = std::max<std::int64_t>(0, x - 1); nx <= std::min(extent.width - 1, x + 1);
               ++nx) {
            const std::int64_t neighbour = (nz * extent.height + ny) * extent.width + nx;
            if (binary[neighbour] == 0 || seen[neighbour] != 0) continue;
            seen[neighbour] = 1;
            stack.push_back(neighbour);
          }
    }
    if (static_cast<std::int64_t>(component.size()) < min_voxels)
      for (const auto voxel : component) binary[voxel] = 0;
  }
}

}  // namespace gyrus
