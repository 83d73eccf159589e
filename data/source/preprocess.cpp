#include "data/source/preprocess.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

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

constexpr double spline_pole = -0.26794919243112270647;  // sqrt(3) - 2
constexpr double spline_tolerance = 1e-10;

/// Turns samples into cubic B-spline coefficients, in place.
/// Reference: Unser, Aldroubi, Eden 1993; ITK BSplineDecompositionImageFilter.
void prefilter(std::vector<double>& line) {
  const auto n = static_cast<std::int64_t>(line.size());
  if (n == 1) return;
  const double z = spline_pole;
  for (double& value : line) value *= (1.0 - z) * (1.0 - 1.0 / z);
  const auto horizon =
      static_cast<std::int64_t>(std::ceil(std::log(spline_tolerance) / std::log(std::abs(z))));
  double power = z;
  if (horizon < n) {
    double sum = line[0];
    for (std::int64_t i = 1; i < horizon; ++i, power *= z) sum += power * line[i];
    line[0] = sum;
  } else {  // the exact sum over the mirrored signal
    const double inverse = 1.0 / z;
    double mirrored = std::pow(z, static_cast<double>(n - 1));
    double sum = line[0] + mirrored * line[n - 1];
    mirrored *= mirrored * inverse;
    for (std::int64_t i = 1; i < n - 1; ++i, power *= z, mirrored *= inverse)
      sum += (power + mirrored) * line[i];
    line[0] = sum / (1.0 - power * power);
  }
  for (std::int64_t i = 1; i < n; ++i) line[i] += z * line[i - 1];
  line[n - 1] = z / (z * z - 1.0) * (line[n - 1] + z * line[n - 2]);
  for (std::int64_t i = n - 2; i >= 0; --i) line[i] = z * (line[i + 1] - line[i]);
}

/// The spline of `line` at 2k + 0.5.
std::vector<double> sample_between_pairs(std::vector<double> line) {
  prefilter(line);
  const auto n = static_cast<std::int64_t>(line.size());
  const auto mirrored = [&](std::int64_t i) {
    if (i < 0) i = -i;
    return line[i < n ? i : 2 * (n - 1) - i];
  };
  std::vector<double> samples(static_cast<std::size_t>(n / 2));
  for (std::int64_t k = 0; k < n / 2; ++k) {
    samples[k] =
        (mirrored(2 * k - 1) + 23.0 * line[2 * k] + 23.0 * line[2 * k + 1] + mirrored(2 * k + 2)) / 48.0;
  }
  return samples;
}

Grid<double> downsample_along(const Grid<double>& image, int axis) {
  auto size = image.size;
  require(size[axis] % 2 == 0, "a volume that is made half as large has even sizes");
  size[axis] /= 2;
  Grid<double> result(size);
  const int other_1 = (axis + 1) % 3, other_2 = (axis + 2) % 3;
  std::array<std::int64_t, 3> at{};
  std::vector<double> line(static_cast<std::size_t>(image.size[axis]));
  for (at[other_1] = 0; at[other_1] < size[other_1]; ++at[other_1]) {
    for (at[other_2] = 0; at[other_2] < size[other_2]; ++at[other_2]) {
      for (at[axis] = 0; at[axis] < image.size[axis]; ++at[axis])
        line[at[axis]] = image.at(at[0], at[1], at[2]);
      const auto samples = sample_between_pairs(line);
      for (at[axis] = 0; at[axis] < size[axis]; ++at[axis])
        result.at(at[0], at[1], at[2]) = samples[at[axis]];
    }
  }
  return result;
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
Grid<T> centre_crop_or_pad(const Grid<T>& image, const std::array<std::int64_t, 3>& size) {
  std::array<std::int64_t, 3> shift{};  // index in the image = index in the result + shift
  for (int axis = 0; axis < 3; ++axis) shift[axis] = crop_start(image.size[axis], size[axis]);
  Grid<T> result(size);
  const auto overlap = [&](int axis) {
    return std::pair{std::max<std::int64_t>(0, -shift[axis]),
                     std::min(size[axis], image.size[axis] - shift[axis])};
  };
  const auto [x_begin, x_end] = overlap(0);
  const auto [y_begin, y_end] = overlap(1);
  const auto [z_begin, z_end] = overlap(2);
  for (std::int64_t x = x_begin; x < x_end; ++x) {
    for (std::int64_t y = y_begin; y < y_end; ++y) {
      for (std::int64_t z = z_begin; z < z_end; ++z) {
        result.at(x, y, z) = image.at(x + shift[0], y + shift[1], z + shift[2]);
      }
    }
  }
  return result;
}

template <class T>
std::pair<double, double> masked_percentiles(const Grid<T>& image, const Grid<std::uint8_t>& mask, double low,
                                             double high) {
  std::vector<T> inside;
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    if (mask.values[i] != 0) inside.push_back(image.values[i]);
  }
  require(!inside.empty(), "percentiles are taken inside a mask that is not empty");
  std::sort(inside.begin(), inside.end());
  return {sorted_percentile(inside, low), sorted_percentile(inside, high)};
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
template std::pair<double, double> masked_percentiles(const Grid<float>&, const Grid<std::uint8_t>&, double,
                                                      double);
template std::pair<double, double> masked_percentiles(const Grid<double>&, const Grid<std::uint8_t>&, double,
                                                      double);
template bool rescale_intensities(Grid<float>&, double, double);
template bool rescale_intensities(Grid<double>&, double, double);
template Grid<float> downsample_image(const Grid<float>&);
template Grid<double> downsample_image(const Grid<double>&);

}  // namespace gyrus
