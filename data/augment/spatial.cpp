#include "data/augment/spatial.hpp"

#include <algorithm>
#include <cmath>

#include "data/augment/augment.hpp"

namespace gyrus {
namespace {

constexpr int num_control_points = 7, locked_layers = 2, num_spans = num_control_points - 3;

/// The four cubic B-splines that are not 0 at a place of an axis, and the first control point that they
/// belong to.
struct SplineWeights {
  int first = 0;
  std::array<double, 4> values{};
};

SplineWeights spline_weights(std::int64_t i, std::int64_t n) {
  const double place = n > 1 ? num_spans * static_cast<double>(i) / static_cast<double>(n - 1) : 0.0;
  SplineWeights weights;
  weights.first = std::min(num_spans - 1, static_cast<int>(place));
  const double t = place - weights.first, r = 1.0 - t;
  weights.values = {r * r * r / 6.0, (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
                    (3.0 * r * r * r - 6.0 * r * r + 4.0) / 6.0, t * t * t / 6.0};
  return weights;
}

/// Displacement of every pixel in turn, given to `use(row, column, row + d0, column + d1)`.
template <class Use>
void for_each_source(const Elastic& elastic, const SliceShape& shape, const Use& use) {
  std::vector<SplineWeights> columns;
  for (std::int64_t c = 0; c < shape.width; ++c) columns.push_back(spline_weights(c, shape.width));
  for (std::int64_t r = 0; r < shape.height; ++r) {
    const SplineWeights row = spline_weights(r, shape.height);
    // The control points of this row, blended along the rows once.
    std::array<std::array<double, 2>, num_control_points> blended{};
    for (int a = 0; a < 4; ++a) {
      const int i = row.first + a - locked_layers;
      if (i < 0 || i >= Elastic::num_moving) continue;
      for (int j = 0; j < Elastic::num_moving; ++j)
        for (int axis = 0; axis < 2; ++axis)
          blended[j + locked_layers][axis] +=
              row.values[a] * elastic.voxels[i * Elastic::num_moving + j][axis];
    }
    for (std::int64_t c = 0; c < shape.width; ++c) {
      std::array<double, 2> moved{};
      for (int b = 0; b < 4; ++b)
        for (int axis = 0; axis < 2; ++axis)
          moved[axis] += columns[c].values[b] * blended[columns[c].first + b][axis];
      use(r, c, std::clamp(static_cast<double>(r) + moved[0], 0.0, static_cast<double>(shape.height - 1)),
          std::clamp(static_cast<double>(c) + moved[1], 0.0, static_cast<double>(shape.width - 1)));
    }
  }
}

template <class T>
void flip(const SliceShape& shape, T* values) {
  for (std::int64_t row = 0; row < shape.height / 2; ++row)
    std::swap_ranges(values + row * shape.width, values + (row + 1) * shape.width,
                     values + (shape.height - 1 - row) * shape.width);
}

}  // namespace

std::vector<double> Elastic::sources(const SliceShape& shape) const {
  std::vector<double> places;
  places.reserve(static_cast<std::size_t>(2 * shape.height * shape.width));
  for_each_source(*this, shape, [&](std::int64_t, std::int64_t, double row, double column) {
    places.push_back(row);
    places.push_back(column);
  });
  return places;
}

void Elastic::deform(const SliceShape& shape, float* image) const {
  const std::vector<float> source(image, image + shape.height * shape.width);
  for_each_source(*this, shape, [&](std::int64_t r, std::int64_t c, double row, double column) {
    const auto r0 = static_cast<std::int64_t>(row), c0 = static_cast<std::int64_t>(column);
    const std::int64_t r1 = std::min(r0 + 1, shape.height - 1), c1 = std::min(c0 + 1, shape.width - 1);
    const double u = row - static_cast<double>(r0), v = column - static_cast<double>(c0);
    const auto at = [&](std::int64_t i, std::int64_t j) {
      return static_cast<double>(source[i * shape.width + j]);
    };
    image[r * shape.width + c] = static_cast<float>((1.0 - u) * ((1.0 - v) * at(r0, c0) + v * at(r0, c1)) +
                                                    u * ((1.0 - v) * at(r1, c0) + v * at(r1, c1)));
  });
}

void Elastic::deform(const SliceShape& shape, std::uint8_t* labels) const {
  const std::vector<std::uint8_t> source(labels, labels + shape.height * shape.width);
  for_each_source(*this, shape, [&](std::int64_t r, std::int64_t c, double row, double column) {
    labels[r * shape.width + c] = source[std::lround(row) * shape.width + std::lround(column)];
  });
}

void flip_rows(const SliceShape& shape, float* image) {
  flip(shape, image);
}

void flip_rows(const SliceShape& shape, std::uint8_t* labels) {
  flip(shape, labels);
}

void invert_contrast(const SliceShape& shape, const std::uint8_t* mask, float* image) {
  for (std::int64_t i = 0; i < shape.height * shape.width; ++i)
    if (mask[i] != 0) image[i] = 1.0f - image[i];
}

}  // namespace gyrus
