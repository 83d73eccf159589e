#include "trainer/evaluation/postprocess.hpp"

#include <algorithm>

#include "trainer/metrics/median_filter.hpp"

namespace gyrus {
namespace {

/// One erosion of one slice: the outermost rows and columns have a neighbour outside, so they go.
void erode_once(const std::uint8_t* from, std::uint8_t* to, std::int64_t height, std::int64_t width) {
  std::fill(to, to + height * width, std::uint8_t{0});
  for (std::int64_t y = 1; y + 1 < height; ++y) {
    const std::uint8_t *row = from + y * width, *above = row - width, *below = row + width;
    for (std::int64_t x = 1; x + 1 < width; ++x)
      to[y * width + x] = row[x] & row[x - 1] & row[x + 1] & above[x] & below[x];
  }
}

void confine(std::vector<float>& map, const std::vector<std::uint8_t>& brain) {
  for (std::size_t i = 0; i < map.size(); ++i)
    if (brain[i] == 0) map[i] = 0.0f;
}

}  // namespace

std::vector<std::uint8_t> erode_slices(const std::vector<std::uint8_t>& mask, Extent extent,
                                       std::int64_t iterations) {
  std::vector<std::uint8_t> current(mask.size()), next(mask.size());
  std::ranges::transform(mask, current.begin(),
                         [](std::uint8_t value) { return static_cast<std::uint8_t>(value != 0); });
  for (std::int64_t i = 0; i < iterations; ++i) {
    for (std::int64_t z = 0; z < extent.depth; ++z) {
      const std::int64_t first = extent.index(z, 0, 0);
      erode_once(&current[first], &next[first], extent.height, extent.width);
    }
    current.swap(next);
  }
  return current;
}

std::vector<float> postprocess_map(std::vector<float> map, const std::vector<std::uint8_t>& mask,
                                   Extent extent, const EvaluationOptions& options) {
  const auto brain = erode_slices(mask, extent, options.erosion);
  if (options.order == "erosion_first") {
    confine(map, brain);
    return median_filter(map, extent, options.median_size);
  }
  map = median_filter(map, extent, options.median_size);
  confine(map, brain);
  return map;
}

std::vector<std::uint8_t> voxels_above(const std::vector<float>& map, double threshold,
                                       bool round_threshold) {
  if (round_threshold) threshold = static_cast<float>(threshold);
  std::vector<std::uint8_t> binary(map.size());
  std::ranges::transform(map, binary.begin(),
                         [&](float value) { return static_cast<std::uint8_t>(value > threshold); });
  return binary;
}

}  // namespace gyrus
