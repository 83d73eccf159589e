#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "trainer/metrics/extent.hpp"

namespace gyrus {

/// The median filter by its definition: what the fast one is compared with, in tests and in the benchmark.
inline std::vector<float> naive_median(const std::vector<float>& values, Extent extent, std::int64_t size) {
  const auto reflect = [](std::int64_t index, std::int64_t count) {
    while (index < 0 || index >= count) index = index < 0 ? -1 - index : 2 * count - 1 - index;
    return index;
  };
  const std::int64_t half = size / 2;
  std::vector<float> result(values.size()), cube;
  for (std::int64_t z = 0; z < extent.depth; ++z)
    for (std::int64_t y = 0; y < extent.height; ++y)
      for (std::int64_t x = 0; x < extent.width; ++x) {
        cube.clear();
        for (std::int64_t dz = -half; dz <= half; ++dz)
          for (std::int64_t dy = -half; dy <= half; ++dy)
            for (std::int64_t dx = -half; dx <= half; ++dx)
              cube.push_back(
                  values[extent.index(reflect(z + dz, extent.depth), reflect(y + dy, extent.height),
                                      reflect(x + dx, extent.width))]);
        const auto middle = cube.begin() + static_cast<std::ptrdiff_t>(cube.size() / 2);
        std::nth_element(cube.begin(), middle, cube.end());
        result[extent.index(z, y, x)] = *middle;
      }
  return result;
}

}  // namespace gyrus
