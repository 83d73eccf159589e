#include "data/source/preprocess.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/source/lines.hpp"
#include "data/source/spline.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

/// Speed of curvature flow at a voxel of which `at(dx, dy, dz)` gives the neighbourhood.
template <class At>
double curvature_speed(const At& at, const std::array<double, 3>& spacing) {
  const auto unit = [](int axis, int step) {
    std::array<int, 3> offset{};
    offset[axis] = step;
    return offset;
  };
  std::array<double, 3> first{}, second{};
  double cross[3][3] = {};
  double gradient = 0.0;
  for (int i = 0; i < 3; ++i) {
    const double above = at(unit(i, 1)), below = at(unit(i, -1));
    first[i] = 0.5 * (above - below) / spacing[i];
    second[i] = (above - 2.0 * at({0, 0, 0}) + below) / (spacing[i] * spacing[i]);
    gradient += first[i] * first[i];
    for (int j = i + 1; j < 3; ++j) {
      const auto corner = [&](int step_i, int step_j) {
        std::array<int, 3> offset{};
        offset[i] = step_i;
        offset[j] = step_j;
        return at(offset);
      };
      cross[i][j] =
          0.25 * (corner(-1, -1) - corner(-1, 1) - corner(1, -1) + corner(1, 1)) / (spacing[i] * spacing[j]);
    }
  }
  if (gradient < 1e-9) return 0.0;
  double update = 0.0;
  for (int i = 0; i < 3; ++i) {
    update += first[i] * first[i] * (second[(i + 1) % 3] + second[(i + 2) % 3]);
    for (int j = i + 1; j < 3; ++j) update -= 2.0 * first[i] * first[j] * cross[i][j];
  }
  return update / gradient;
}

/// The spline of `line` at 2k + 0.5.
std::vector<double> sample_between_pairs(std::vector<double> line) {
  prefilter(line);
  const auto n = static_cast<std::int64_t>(line.size());
  std::vector<double> samples(static_cast<std::size_t>(n / 2));
  for (std::int64_t k = 0; k < n / 2; ++k) {
    samples[k] = (line[mirrored(2 * k - 1, n)] + 23.0 * line[2 * k] + 23.0 * line[2 * k + 1] +
                  line[mirrored(2 * k + 2, n)]) /
                 48.0;
  }
  return samples;
}

Grid<double> downsample_along(const Grid<double>& image, int axis) {
  require(image.size[axis] % 2 == 0, "a volume that is made half as large has even sizes");
  return map_lines(image, axis, image.size[axis] / 2, sample_between_pairs);
}

/// numpy.percentile of sorted values.
template <class T>
double sorted_percentile(const std::vector<T>& values, double percent) {
  const double position = percent / 100.0 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const auto above = std::min(below + 1, values.size() - 1);
  const double share = position - static_cast<double>(below);
  return static_cast<double>(values[below]) +
         share * (static_cast<double>(values[above]) - static_cast<double>(values[below]));
}

}  // namespace

template <class T>
Grid<T> curvature_flow(Grid<T> image, const std::array<double, 3>& spacing, int num_iterations,
                       double time_step) {
  const auto& size = image.size;
  for (int iteration = 0; iteration < num_iterations; ++iteration) {
    const Grid<T> before = image;
    for (std::int64_t x = 0; x < size[0]; ++x) {
      for (std::int64_t y = 0; y < size[1]; ++y) {
        for (std::int64_t z = 0; z < size[2]; ++z) {
          const auto at = [&](const std::array<int, 3>& offset) {
            return static_cast<double>(before.at(std::clamp<std::int64_t>(x + offset[0], 0, size[0] - 1),
                                                 std::clamp<std::int64_t>(y + offset[1], 0, size[1] - 1),
                                                 std::clamp<std::int64_t>(z + offset[2], 0, size[2] - 1)));
          };
          const double speed = curvature_speed(at, spacing);
          image.at(x, y, z) = static_cast<T>(static_cast<double>(before.at(x, y, z)) + time_step * speed);
        }
      }
    }
  }
  return image;
}

std::int64_t crop_start(std::int64_t image_size, std::int64_t size) {
  const std::int64_t difference = image_size - size;
  const std::int64_t low = (std::abs(difference) + 1) / 2;
  return difference >= 0 ? low : -low;
}

template <class T>
Grid<T> cut(const Grid<T>& image, const std::array<std::int64_t, 3>& start,
            const std::array<std::int64_t, 3>& size) {
  Grid<T> result(size);
  const auto overlap = [&](int axis) {
    return std::pair{std::max<std::int64_t>(0, -start[axis]),
                     std::min(size[axis], image.size[axis] - start[axis])};
  };
  const auto [x_begin, x_end] = overlap(0);
  const auto [y_begin, y_end] = overlap(1);
  const auto [z_begin, z_end] = overlap(2);
  for (std::int64_t x = x_begin; x < x_end; ++x) {
    for (std::int64_t y = y_begin; y < y_end; ++y) {
      for (std::int64_t z = z_begin; z < z_end; ++z) {
        result.at(x, y, z) = image.at(x + start[0], y + start[1], z + start[2]);
      }
    }
  }
  return result;
}

template <class T>
Grid<T> centre_crop_or_pad(const Grid<T>& image, const std::array<std::int64_t, 3>& size) {
  std::array<std::int64_t, 3> start{};
  for (int axis = 0; axis < 3; ++axis) start[axis] = crop_start(image.size[axis], size[axis]);
  return cut(image, start, size);
}

Grid<std::uint8_t> nonzero(const Grid<float>& image) {
  Grid<std::uint8_t> mask(image.size);
  std::transform(image.values.begin(), image.values.end(), mask.values.begin(),
                 [](float value) { return value != 0.0f; });
  return mask;
}

bool is_empty(const Grid<std::uint8_t>& mask) {
  return std::none_of(mask.values.begin(), mask.values.end(), [](auto value) { return value != 0; });
}

template <class T>
std::vector<double> percentiles_inside(const Grid<T>& image, const Grid<std::uint8_t>& mask,
                                       const std::vector<double>& percents) {
  std::vector<T> inside;
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    if (mask.values[i] != 0) inside.push_back(image.values[i]);
  }
  require(!inside.empty(), "percentiles are taken inside a mask that is not empty");
  std::sort(inside.begin(), inside.end());
  std::vector<double> values;
  for (const double percent : percents) values.push_back(sorted_percentile(inside, percent));
  return values;
}

template <class T>
std::pair<double, double> masked_percentiles(const Grid<T>& image, const Grid<std::uint8_t>& mask, double low,
                                             double high) {
  const auto values = percentiles_inside(image, mask, {low, high});
  return {values[0], values[1]};
}

template <class T>
bool rescale_intensities(Grid<T>& image, double low, double high) {
  for (T& value : image.values) value = std::clamp(value, static_cast<T>(low), static_cast<T>(high));
  const auto [smallest, largest] = std::minmax_element(image.values.begin(), image.values.end());
  const T offset = *smallest, range = *largest - *smallest;
  if (!(range > T{0})) return false;
  for (T& value : image.values) value = (value - offset) / range;
  return true;
}

template <class T>
Grid<T> downsample_image(const Grid<T>& image) {
  Grid<double> work(image.size);
  std::copy(image.values.begin(), image.values.end(), work.values.begin());
  for (int axis = 0; axis < 3; ++axis) work = downsample_along(work, axis);
  Grid<T> result(work.size);
  std::transform(work.values.begin(), work.values.end(), result.values.begin(),
                 [](double v) { return static_cast<T>(v); });
  return result;
}

Grid<std::uint8_t> downsample_labels(const Grid<std::uint8_t>& labels) {
  for (const auto n : labels.size) require(n % 2 == 0, "a volume that is made half as large has even sizes");
  Grid<std::uint8_t> result({labels.size[0] / 2, labels.size[1] / 2, labels.size[2] / 2});
  for (std::int64_t x = 0; x < result.size[0]; ++x) {
    for (std::int64_t y = 0; y < result.size[1]; ++y) {
      for (std::int64_t z = 0; z < result.size[2]; ++z)
        result.at(x, y, z) = labels.at(2 * x + 1, 2 * y + 1, 2 * z + 1);
    }
  }
  return result;
}

template Grid<float> curvature_flow(Grid<float>, const std::array<double, 3>&, int, double);
template Grid<double> curvature_flow(Grid<double>, const std::array<double, 3>&, int, double);
template Grid<float> centre_crop_or_pad(const Grid<float>&, const std::array<std::int64_t, 3>&);
template Grid<double> centre_crop_or_pad(const Grid<double>&, const std::array<std::int64_t, 3>&);
template Grid<std::uint8_t> centre_crop_or_pad(const Grid<std::uint8_t>&, const std::array<std::int64_t, 3>&);
template Grid<float> cut(const Grid<float>&, const std::array<std::int64_t, 3>&,
                         const std::array<std::int64_t, 3>&);
template Grid<std::uint8_t> cut(const Grid<std::uint8_t>&, const std::array<std::int64_t, 3>&,
                                const std::array<std::int64_t, 3>&);
template std::vector<double> percentiles_inside(const Grid<float>&, const Grid<std::uint8_t>&,
                                                const std::vector<double>&);
template std::pair<double, double> masked_percentiles(const Grid<float>&, const Grid<std::uint8_t>&, double,
                                                      double);
template std::pair<double, double> masked_percentiles(const Grid<double>&, const Grid<std::uint8_t>&, double,
                                                      double);
template bool rescale_intensities(Grid<float>&, double, double);
template bool rescale_intensities(Grid<double>&, double, double);
template Grid<float> downsample_image(const Grid<float>&);
template Grid<double> downsample_image(const Grid<double>&);

}  // namespace gyrus
