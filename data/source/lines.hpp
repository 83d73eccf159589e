#pragma once

#include <cstdint>
#include <vector>

#include "data/source/grid.hpp"

namespace gyrus {

/// Replaces every line of voxels along `axis` by `function(line)`, which has `new_size` values.
template <class Function>
Grid<double> map_lines(const Grid<double>& image, int axis, std::int64_t new_size, const Function& function) {
  auto size = image.size;
  size[axis] = new_size;
  Grid<double> result(size);
  const int other_1 = (axis + 1) % 3, other_2 = (axis + 2) % 3;
  std::array<std::int64_t, 3> at{};
  std::vector<double> line(static_cast<std::size_t>(image.size[axis]));
  for (at[other_1] = 0; at[other_1] < size[other_1]; ++at[other_1]) {
    for (at[other_2] = 0; at[other_2] < size[other_2]; ++at[other_2]) {
      for (at[axis] = 0; at[axis] < image.size[axis]; ++at[axis])
        line[at[axis]] = image.at(at[0], at[1], at[2]);
      const std::vector<double> samples = function(line);
      for (at[axis] = 0; at[axis] < size[axis]; ++at[axis])
        result.at(at[0], at[1], at[2]) = samples[at[axis]];
    }
  }
  return result;
}

}  // namespace gyrus
