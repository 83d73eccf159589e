#include "data/augment/augment.hpp"

#include <cmath>
#include <vector>

#include "data/augment/kernels.hpp"
#include "data/augment/operators.hpp"
#include "data/random.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

namespace kernels = augment_kernels;

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

}  // namespace

Augmentation draw_augmentation(const AugmentOptions& options, std::uint64_t seed, const Sample& sample,
                               const VolumeInfo& volume) {
  return draw_augmentation(options, seed, sample.epoch, static_cast<std::uint64_t>(sample.volume),
                           volume.spacing);
}

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
