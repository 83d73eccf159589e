#pragma once

#include <c10/util/Half.h>

#include <cmath>
#include <cstdint>

#include "trainer/kernels/host_device.hpp"
#include "trainer/kernels/simplex_lattice.hpp"

/// Simplex fields pixel by pixel: everything that the kernels of simplex_kernel.cu compute, in functions that
/// the CPU's compiler takes too, so that a test without a GPU calls the very same ones. Determinism: each
/// pixel receives the operations of SimplexField::fill and of the CPU's noise model in their order, so fields
/// are bit-identical to theirs; compiled without contraction, with correctly rounded divisions and roots.
namespace gyrus {

/// What all fields of a training have in common.
struct SimplexRecipe {
  std::int64_t octaves;
  double persistence, feature_size;
  bool standardise, round_to_half;
};

/// What random numbers decide about one field.
struct SimplexDraw {
  std::uint8_t permutation[256];
  double origin_x, origin_y;  // lattice units
  double offset;              // added to the whole field
};

struct FieldMoments {
  double mean, deviation;
};

/// The sums run in double, in the order of the pixels. @param field  [count]
template <class T>
GYRUS_HOST_DEVICE inline FieldMoments field_moments(const T* field, std::int64_t count) {
  double sum = 0.0, squares = 0.0;
  for (std::int64_t i = 0; i < count; ++i) sum += field[i];
  const double mean = sum / static_cast<double>(count);
  for (std::int64_t i = 0; i < count; ++i) squares += (field[i] - mean) * (field[i] - mean);
  return {mean, std::sqrt(squares / static_cast<double>(count))};
}

/// To zero mean and unit variance; a field without variance becomes 0.
template <class T>
GYRUS_HOST_DEVICE inline T standardised(T value, const FieldMoments& moments) {
  return moments.deviation > 0.0 ? static_cast<T>((value - moments.mean) / moments.deviation) : T{0};
}

/// What is added to a slice.
template <class T>
GYRUS_HOST_DEVICE inline float finished(T value, double offset, bool round_to_half) {
  const auto shifted = static_cast<float>(value + offset);
  return round_to_half ? static_cast<float>(c10::Half(shifted)) : shifted;
}

/// Adds the kernel of vertex (p, r) to pixel (i, j).
template <class T>
GYRUS_HOST_DEVICE inline T with_kernel(T sum, const simplex_lattice::Octave& octave,
                                       const std::uint8_t* permutation, std::int64_t p, std::int64_t r,
                                       std::int64_t i, std::int64_t j) {
  using namespace simplex_lattice;
  const Circle circle(octave, p, r);
  if (j < circle.columns.first) return sum;
  const std::int64_t lane = (j - circle.columns.first) % num_lanes, first_column = j - lane;
  if (first_column > circle.columns.last) return sum;
  const double begin = octave.column_x(first_column) - circle.x;
  const IndexRange rows = circle.rows_of_block(octave, begin);
  if (i < rows.first || i > rows.last) return sum;

  const Gradient gradient = gradient_of(permutation, p, r);
  const double ey = octave.row_y(i) - circle.y;
  const T room = static_cast<T>(kernel_squared_radius - ey * ey),
          slope = static_cast<T>(gradient.y * octave.amplitude * ey);
  const T ex = static_cast<T>(static_cast<double>(lane) * octave.step) + static_cast<T>(begin);
  T kernel = room - ex * ex;
  kernel = kernel > T{0} ? kernel : T{0};
  kernel *= kernel;
  kernel *= kernel;
  return sum + kernel * (ex * static_cast<T>(gradient.x * octave.amplitude) + slope);
}

/// Adds every vertex that reaches pixel (i, j), in the order of the CPU: row of the lattice by row.
template <class T>
GYRUS_HOST_DEVICE inline T with_octave(T sum, const simplex_lattice::Octave& octave,
                                       const std::uint8_t* permutation, std::int64_t i, std::int64_t j) {
  using namespace simplex_lattice;
  const double x = octave.column_x(j), y = octave.row_y(i), shift = (x + y) * stretch;
  // No circle is wider than this along p or r: sqrt(4/3), and what rounding may add.
  const double reach = 1.16, u = x + shift, v = y + shift;
  const IndexRange vertex_rows = octave.vertex_rows();
  const std::int64_t last_r = smaller(vertex_rows.last, static_cast<std::int64_t>(std::ceil(v + reach)));
  for (std::int64_t r = larger(vertex_rows.first, static_cast<std::int64_t>(std::floor(v - reach)));
       r <= last_r; ++r) {
    const IndexRange vertices = octave.vertices_of_row(r);
    const std::int64_t last_p = smaller(vertices.last, static_cast<std::int64_t>(std::ceil(u + reach)));
    for (std::int64_t p = larger(vertices.first, static_cast<std::int64_t>(std::floor(u - reach)));
         p <= last_p; ++p)
      sum = with_kernel(sum, octave, permutation, p, r, i, j);
  }
  return sum;
}

/// Pixel (i, j) of a field [rows, columns].
template <class T>
GYRUS_HOST_DEVICE inline T simplex_pixel(const SimplexRecipe& recipe, const SimplexDraw& keys,
                                         std::int64_t rows, std::int64_t columns, std::int64_t i,
                                         std::int64_t j) {
  using namespace simplex_lattice;
  T sum{0};
  double step = 1.0 / recipe.feature_size, amplitude = 1.0 / normalisation;
  for (std::int64_t o = 0; o < recipe.octaves; ++o, step *= 2.0, amplitude *= recipe.persistence) {
    const Octave octave{rows, columns, keys.origin_x, keys.origin_y, step, amplitude};
    if (step > 1.0)
      sum += static_cast<T>(amplitude * normalisation *
                            value_at(keys.permutation, octave.column_x(j), octave.row_y(i)));
    else
      sum = with_octave(sum, octave, keys.permutation, i, j);
  }
  return sum;
}

/// Fields that are made together, in three passes, each of which needs the one before to be complete.
template <class T>
struct SimplexFields {
  SimplexRecipe recipe;
  std::int64_t num_fields, rows, columns;
  const SimplexDraw* keys;  // [num_fields]
  T* raw;                   // [num_fields, rows, columns]
  FieldMoments* moments;    // [num_fields]; only when they are standardised
  float* out;               // [num_fields, rows, columns]

  GYRUS_HOST_DEVICE std::int64_t field_pixels() const { return rows * columns; }
  GYRUS_HOST_DEVICE std::int64_t num_pixels() const { return num_fields * field_pixels(); }

  /// @param index  of a pixel among those of all fields
  GYRUS_HOST_DEVICE void draw(std::int64_t index) const {
    const std::int64_t pixel = index % field_pixels();
    raw[index] = simplex_pixel<T>(recipe, keys[index / field_pixels()], rows, columns, pixel / columns,
                                  pixel % columns);
  }
  GYRUS_HOST_DEVICE void measure(std::int64_t field) const {
    moments[field] = field_moments(raw + field * field_pixels(), field_pixels());
  }
  /// @param index  as above
  GYRUS_HOST_DEVICE void finish(std::int64_t index) const {
    const std::int64_t field = index / field_pixels();
    const T value = recipe.standardise ? standardised(raw[index], moments[field]) : raw[index];
    out[index] = finished(value, keys[field].offset, recipe.round_to_half);
  }
};

}  // namespace gyrus
