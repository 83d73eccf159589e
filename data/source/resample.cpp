#include "data/source/resample.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/source/lines.hpp"
#include "data/source/preprocess.hpp"
#include "data/source/spline.hpp"

namespace gyrus {
namespace {

struct Tap {
  std::int64_t index;
  double weight;
};

/// What the sample at `position` of a line of `n` is made of; nothing outside of the line.
std::vector<Tap> taps_at(double position, std::int64_t n, Interpolation interpolation) {
  if (!(position >= -0.5) || !(position < static_cast<double>(n) - 0.5)) return {};
  if (interpolation == Interpolation::nearest)
    return {{std::min(static_cast<std::int64_t>(std::floor(position + 0.5)), n - 1), 1.0}};
  const double below = std::floor(position);
  const auto index = static_cast<std::int64_t>(below);
  const double f = position - below, g = 1.0 - f;
  if (interpolation == Interpolation::linear)
    return {{std::max<std::int64_t>(index, 0), g}, {std::min(index + 1, n - 1), f}};
  return {{mirrored(index - 1, n), g * g * g / 6.0},
          {mirrored(index, n), (4.0 - 3.0 * f * f * (2.0 - f)) / 6.0},
          {mirrored(index + 1, n), (4.0 - 3.0 * g * g * (2.0 - g)) / 6.0},
          {mirrored(index + 2, n), f * f * f / 6.0}};
}

template <class From>
Grid<double> resample(const Grid<From>& from, const std::array<double, 3>& spacing,
                      const std::array<double, 3>& new_spacing, Interpolation interpolation) {
  Grid<double> work(from.size);
  std::copy(from.values.begin(), from.values.end(), work.values.begin());
  const auto new_size = resampled_size(from.size, spacing, new_spacing);
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<std::vector<Tap>> taps;
    for (std::int64_t k = 0; k < new_size[axis]; ++k)
      taps.push_back(taps_at(static_cast<double>(k) * new_spacing[axis] / spacing[axis], from.size[axis],
                             interpolation));
    work = map_lines(work, axis, new_size[axis], [&](std::vector<double> line) {
      if (interpolation == Interpolation::bspline) prefilter(line);
      std::vector<double> samples(taps.size());
      for (std::size_t k = 0; k < taps.size(); ++k)
        for (const Tap& tap : taps[k]) samples[k] += tap.weight * line[tap.index];
      return samples;
    });
  }
  return work;
}

}  // namespace

std::array<std::int64_t, 3> resampled_size(const std::array<std::int64_t, 3>& size,
                                           const std::array<double, 3>& spacing,
                                           const std::array<double, 3>& new_spacing) {
  std::array<std::int64_t, 3> result{};
  constexpr double most = 1e9;  // still an integer, and refused by whoever takes memory
  for (int axis = 0; axis < 3; ++axis) {
    const double voxels = static_cast<double>(size[axis]) * spacing[axis] / new_spacing[axis];
    result[axis] = static_cast<std::int64_t>(std::clamp(std::floor(voxels + 0.5), 1.0, most));
  }
  return result;
}

Grid<float> resample_image(const Grid<float>& image, const std::array<double, 3>& spacing,
                           const std::array<double, 3>& new_spacing, Interpolation interpolation) {
  const auto samples = resample(image, spacing, new_spacing, interpolation);
  Grid<float> result(samples.size);
  std::transform(samples.values.begin(), samples.values.end(), result.values.begin(),
                 [](double value) { return static_cast<float>(value); });
  return result;
}

Grid<std::uint8_t> resample_labels(const Grid<std::uint8_t>& labels, const std::array<double, 3>& spacing,
                                   const std::array<double, 3>& new_spacing, Interpolation interpolation) {
  if (is_empty(labels)) return Grid<std::uint8_t>(resampled_size(labels.size, spacing, new_spacing));
  const auto samples = resample(labels, spacing, new_spacing, interpolation);
  Grid<std::uint8_t> result(samples.size);
  std::transform(samples.values.begin(), samples.values.end(), result.values.begin(),
                 [](double value) { return value > 0.0; });
  return result;
}

}  // namespace gyrus
