#include "trainer/metrics/distances.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gyrus {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

/// Lower envelope of parabolas along one line of squared distances, in place.
class LineTransform {
 public:
  explicit LineTransform(std::int64_t longest) : source_(longest), apex_(longest), start_(longest + 1) {}

  void run(double* line, std::int64_t count, std::int64_t stride, double step) {
    for (std::int64_t i = 0; i < count; ++i) source_[i] = line[i * stride];
    std::int64_t last = -1;  // of the parabolas of the envelope
    for (std::int64_t i = 0; i < count; ++i) {
      if (source_[i] == infinite) continue;
      double from = -infinite;
      for (; last >= 0; --last) {
        from = meeting_point(apex_[last], i, step);
        if (from > start_[last]) break;
        from = -infinite;
      }
      apex_[++last] = i;
      start_[last] = from;
    }
    if (last < 0) return;
    std::int64_t present = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      while (present < last && start_[present + 1] < static_cast<double>(i)) ++present;
      const double away = step * static_cast<double>(i - apex_[present]);
      line[i * stride] = source_[apex_[present]] + away * away;
    }
  }

 private:
  /// Where the parabola of `right` becomes the lower one, in steps.
  double meeting_point(std::int64_t left, std::int64_t right, double step) const {
    const auto a = static_cast<double>(left), b = static_cast<double>(right);
    return 0.5 * (a + b + (source_[right] - source_[left]) / (step * step * (b - a)));
  }

  std::vector<double> source_;
  std::vector<std::int64_t> apex_;
  std::vector<double> start_;
};

std::vector<std::uint8_t> border_of(const std::vector<std::uint8_t>& binary, Extent extent) {
  std::vector<std::uint8_t> border(binary.size(), 0);
  const auto is_inside = [&](std::int64_t z, std::int64_t y, std::int64_t x) {
    return z >= 0 && z < extent.depth && y >= 0 && y < extent.height && x >= 0 && x < extent.width &&
           binary[extent.index(z, y, x)] != 0;
  };
  for (std::int64_t z = 0; z < extent.depth; ++z)
    for (std::int64_t y = 0; y < extent.height; ++y)
      for (std::int64_t x = 0; x < extent.width; ++x)
        border[extent.index(z, y, x)] =
            is_inside(z, y, x) &&
            !(is_inside(z - 1, y, x) && is_inside(z + 1, y, x) && is_inside(z, y - 1, x) &&
              is_inside(z, y + 1, x) && is_inside(z, y, x - 1) && is_inside(z, y, x + 1));
  return border;
}

/// Values of `distance` where `binary` is set.
std::vector<double> distances_at(const std::vector<std::uint8_t>& binary,
                                 const std::vector<double>& distance) {
  std::vector<double> values;
  for (std::size_t i = 0; i < binary.size(); ++i)
    if (binary[i] != 0) values.push_back(distance[i]);
  return values;
}

/// Linear interpolation between the sorted values, as numpy.percentile.
double percentile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

}  // namespace

std::vector<double> distance_transform(const std::vector<std::uint8_t>& binary, Extent extent,
                                       const VoxelSize& voxel) {
  std::vector<double> squared(binary.size());
  std::ranges::transform(binary, squared.begin(),
                         [](std::uint8_t value) { return value != 0 ? 0.0 : infinite; });
  LineTransform transform(std::max({extent.depth, extent.height, extent.width}));
  const std::int64_t area = extent.height * extent.width;
  for (std::int64_t row = 0; row < extent.depth * extent.height; ++row)
    transform.run(&squared[row * extent.width], extent.width, 1, voxel[2]);
  for (std::int64_t z = 0; z < extent.depth; ++z)
    for (std::int64_t x = 0; x < extent.width; ++x)
      transform.run(&squared[z * area + x], extent.height, extent.width, voxel[1]);
  for (std::int64_t pixel = 0; pixel < area; ++pixel)
    transform.run(&squared[pixel], extent.depth, area, voxel[0]);
  for (double& value : squared) value = std::sqrt(value);
  return squared;
}

SurfaceScores surface_scores(const std::vector<std::uint8_t>& map, const std::vector<std::uint8_t>& lesion,
                             Extent extent, const VoxelSize& voxel, double tolerance) {
  const auto is_set = [](std::uint8_t value) { return value != 0; };
  if (std::ranges::none_of(map, is_set) || std::ranges::none_of(lesion, is_set)) {
    constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
    return {undefined, undefined, undefined};
  }
  SurfaceScores scores;
  for (const double value : distances_at(map, distance_transform(lesion, extent, voxel)))
    scores.hausdorff = std::max(scores.hausdorff, value);
  for (const double value : distances_at(lesion, distance_transform(map, extent, voxel)))
    scores.hausdorff = std::max(scores.hausdorff, value);

  const auto map_border = border_of(map, extent), lesion_border = border_of(lesion, extent);
  std::vector<double> gaps = distances_at(map_border, distance_transform(lesion_border, extent, voxel));
  const auto back = distances_at(lesion_border, distance_transform(map_border, extent, voxel));
  gaps.insert(gaps.end(), back.begin(), back.end());
  const auto close = std::ranges::count_if(gaps, [&](double gap) { return gap <= tolerance; });
  scores.surface_dice = static_cast<double>(close) / static_cast<double>(gaps.size());
  scores.hd95 = percentile(std::move(gaps), 0.95);
  return scores;
}

}  // namespace gyrus
