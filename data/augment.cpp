#include "data/augment.hpp"

#include <cmath>
#include <cstdlib>
#include <numbers>
#include <vector>

#include "data/augment_kernels.hpp"
#include "data/random.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

namespace kernels = augment_kernels;

/// Coordinate of index i on an axis of n voxels: -1 at the first, 1 at the last.
double axis_coordinate(std::int64_t i, std::int64_t n) {
  const double half = static_cast<double>(n) / 2.0;
  return n == 1 ? 0.0 : (static_cast<double>(i) - half + 0.5) / (half - 0.5);
}

/// scipy.ndimage's Gaussian kernel, cut at four standard deviations. One weight when the deviation is zero.
std::vector<double> gaussian_kernel(double std) {
  if (std < 1e-15) return {1.0};
  const int radius = static_cast<int>(4.0 * std + 0.5);
  std::vector<double> weights;
  double sum = 0.0;
  for (int i = -radius; i <= radius; ++i) {
    weights.push_back(std::exp(-0.5 * i * i / (std * std)));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

/// Index mirrored at the borders between voxels: d c b a | a b c d | d c b a.
std::int64_t reflected(std::int64_t i, std::int64_t n) {
  const std::int64_t period = 2 * n;
  i = ((i % period) + period) % period;
  return i < n ? i : period - 1 - i;
}

/// Ghosting multiplies planes of the centred spectrum by real weights and keeps the real part: a circular
/// convolution along the axis with this kernel.
std::vector<double> ghost_kernel(const Ghosting& ghosting, std::int64_t n) {
  std::vector<double> cosine(static_cast<std::size_t>(n)), kernel(cosine.size());
  for (std::int64_t i = 0; i < n; ++i)
    cosine[i] = std::cos(2.0 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n));
  for (std::int64_t d = 0; d < n; ++d) {
    double weakened = 0.0;  // all planes together are the identity
    for (std::int64_t m = 0; m < n; m += ghosting.num_ghosts)
      if (m != n / 2) weakened += cosine[(std::abs(m - n / 2) * d) % n];
    kernel[d] = (d == 0 ? 1.0 : 0.0) - ghosting.strength * weakened / static_cast<double>(n);
  }
  return kernel;
}

/// How much of each source slice is in the wanted one, through ghosting and blur along z.
std::vector<double> source_weights(const Augmentation& augmentation, std::int64_t slice, std::int64_t depth) {
  std::vector<double> weights(static_cast<std::size_t>(depth), 0.0);
  weights[slice] = 1.0;
  if (augmentation.ghosting && augmentation.ghosting->axis == 2) {
    const auto kernel = ghost_kernel(*augmentation.ghosting, depth);
    for (std::int64_t j = 0; j < depth; ++j) weights[j] = kernel[(slice - j + depth) % depth];
  }
  if (augmentation.blur_std) {
    const auto kernel = gaussian_kernel((*augmentation.blur_std)[2]);
    const auto radius = static_cast<std::int64_t>(kernel.size() / 2);
    std::vector<double> spread(weights.size(), 0.0);
    for (std::int64_t j = 0; j < depth; ++j) {
      for (std::int64_t k = -radius; k <= radius; ++k)
        spread[reflected(j + k, depth)] += weights[j] * kernel[k + radius];
    }
    weights = std::move(spread);
  }
  return weights;
}

/// The bias field's exponent of one slice is a polynomial in x and y; its coefficients, for powers a, b with
/// a + b <= 3.
std::array<std::array<double, 4>, 4> bias_in_plane(const std::array<double, 20>& coefficients, double z) {
  std::array<std::array<double, 4>, 4> plane{};
  std::size_t next = 0;
  for (int a = 0; a <= 3; ++a) {
    for (int b = 0; a + b <= 3; ++b) {
      for (int c = 0; a + b + c <= 3; ++c) plane[a][b] += coefficients[next++] * std::pow(z, c);
    }
  }
  return plane;
}

void apply_point_operations(const Augmentation& augmentation, const SliceShape& shape, std::int64_t slice,
                            float* values) {
  const std::int64_t pixels = shape.height * shape.width;
  // Negative values keep their sign; for the others this is the plain power.
  if (augmentation.gamma)
    kernels::signed_power({values, static_cast<std::size_t>(pixels)},
                          static_cast<float>(*augmentation.gamma));
  if (!augmentation.bias_coefficients) return;
  const auto plane = bias_in_plane(*augmentation.bias_coefficients, axis_coordinate(slice, shape.depth));
  const double first = axis_coordinate(0, shape.width);
  const double step = shape.width > 1 ? axis_coordinate(1, shape.width) - first : 0.0;
  for (std::int64_t row = 0; row < shape.height; ++row) {
    const double x = axis_coordinate(row, shape.height);
    double in_y[4] = {};
    for (int b = 0; b < 4; ++b)
      in_y[b] = plane[0][b] + x * (plane[1][b] + x * (plane[2][b] + x * plane[3][b]));
    kernels::multiply_by_exp_cubic({values + row * shape.width, static_cast<std::size_t>(shape.width)}, in_y,
                                   first, step);
  }
}

void apply_along_axis(const kernels::BandMatrix& matrix, int axis, const SliceShape& shape,
                      std::vector<double>& plane) {
  if (axis == 0) {
    kernels::multiply_rows(matrix, shape.width, plane);
    return;
  }
  plane = kernels::transposed(plane, shape.height, shape.width);
  kernels::multiply_rows(matrix, shape.height, plane);
  plane = kernels::transposed(plane, shape.width, shape.height);
}

kernels::BandMatrix blur_matrix(double std, std::int64_t n) {
  const auto kernel = gaussian_kernel(std);
  const auto radius = static_cast<std::int64_t>(kernel.size() / 2);
  kernels::BandMatrix matrix(n);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t k = -radius; k <= radius; ++k) matrix.at(i, reflected(i + k, n)) += kernel[k + radius];
  matrix.find_bands();
  return matrix;
}

kernels::BandMatrix ghost_matrix(const Ghosting& ghosting, std::int64_t n) {
  const auto kernel = ghost_kernel(ghosting, n);
  kernels::BandMatrix matrix(n);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t k = 0; k < n; ++k) matrix.at(i, k) = kernel[(i - k + n) % n];
  return matrix;
}

}  // namespace

Augmentation draw_augmentation(const AugmentOptions& options, std::uint64_t seed, std::uint64_t epoch,
                               std::uint64_t volume, const std::array<double, 3>& spacing) {
  Random random(seed, Stream::augment, epoch, volume);
  Augmentation drawn;
  const bool with_gamma = random.uniform() < options.gamma;
  const double gamma = std::exp(random.uniform(-0.3, 0.3));
  if (with_gamma) drawn.gamma = gamma;

  const bool with_bias = random.uniform() < options.bias_field;
  std::array<double, 20> coefficients;
  for (double& coefficient : coefficients) coefficient = random.uniform(-0.5, 0.5);
  if (with_bias) drawn.bias_coefficients = coefficients;

  const bool with_blur = random.uniform() < options.blur;
  std::array<double, 3> std;
  for (int axis = 0; axis < 3; ++axis) std[axis] = random.uniform(0.0, 2.0) / spacing[axis];
  if (with_blur) drawn.blur_std = std;

  const bool with_ghosting = random.uniform() < options.ghosting;
  Ghosting ghosting;
  ghosting.num_ghosts = 4 + static_cast<std::int64_t>(random.below(7));
  ghosting.axis = static_cast<std::int64_t>(random.below(3));
  ghosting.strength = random.uniform(0.5, 1.0);
  if (with_ghosting) drawn.ghosting = ghosting;

  drawn.flip = random.uniform() < options.flip;
  const bool with_elastic = random.uniform() < options.elastic;
  Elastic elastic;
  for (auto& point : elastic.voxels)
    for (int axis = 0; axis < 2; ++axis)
      point[axis] = random.uniform(-Elastic::max_mm, Elastic::max_mm) / spacing[axis];
  if (with_elastic) drawn.elastic = elastic;
  drawn.invert = random.uniform() < options.invert;
  return drawn;
}

void augment_slice(const Augmentation& augmentation, const SliceShape& shape, std::int64_t slice,
                   const SliceReader& read, float* values) {
  require(slice >= 0 && slice < shape.depth, "a slice lies in its volume");
  const bool in_plane = augmentation.blur_std || augmentation.ghosting;
  if (!in_plane) {
    read(slice, values);
    apply_point_operations(augmentation, shape, slice, values);
    return;
  }
  const auto weights = source_weights(augmentation, slice, shape.depth);
  std::vector<double> plane(static_cast<std::size_t>(shape.height * shape.width), 0.0);
  std::vector<float> source(plane.size());
  for (std::int64_t j = 0; j < shape.depth; ++j) {
    if (weights[j] == 0.0) continue;
    read(j, source.data());
    apply_point_operations(augmentation, shape, j, source.data());
    kernels::add_scaled(weights[j], source, plane);
  }
  if (augmentation.blur_std) {
    apply_along_axis(blur_matrix((*augmentation.blur_std)[0], shape.height), 0, shape, plane);
    apply_along_axis(blur_matrix((*augmentation.blur_std)[1], shape.width), 1, shape, plane);
  }
  if (augmentation.ghosting && augmentation.ghosting->axis < 2) {
    const int axis = static_cast<int>(augmentation.ghosting->axis);
    apply_along_axis(ghost_matrix(*augmentation.ghosting, axis == 0 ? shape.height : shape.width), axis,
                     shape, plane);
  }
  for (std::size_t i = 0; i < plane.size(); ++i) values[i] = static_cast<float>(plane[i]);
}

void transform_slice(const Augmentation& augmentation, const SliceShape& shape, float* image,
                     std::uint8_t* mask) {
  if (augmentation.flip) {
    flip_rows(shape, image);
    flip_rows(shape, mask);
  }
  if (augmentation.elastic) {
    augmentation.elastic->deform(shape, image);
    augmentation.elastic->deform(shape, mask);
  }
  if (augmentation.invert) invert_contrast(shape, mask, image);
}

}  // namespace gyrus
