#pragma once

#include <cmath>
#include <cstdint>

#include "trainer/kernels/host_device.hpp"

/// The lattice of 2D OpenSimplex noise, and which of its vertices reach which pixels of a field; shared by
/// the CPU's way of making a field (simplex_field.cpp), vertex by vertex, and the GPU's, pixel by pixel.
/// Vertex (p, r) lies at (p + (p+r) squish, r + (p+r) squish): a triangular lattice with edges of sqrt(2).
/// Each vertex has a gradient and a kernel max(0, 2 - d^2)^4 that ends where the next vertices lie.
/// Determinism: files that include this are compiled without contraction of products and sums.
namespace gyrus::simplex_lattice {

inline constexpr double stretch = -0.211324865405187;  // the inverse of squish
inline constexpr double squish = 0.366025403784439;
inline constexpr double kernel_squared_radius = 2.0;
inline constexpr double radius = 1.4142135623730951;  // of a kernel
inline constexpr double normalisation = 47.0;
inline constexpr std::int64_t num_lanes = 8;  // pixels of a row that the CPU handles at a time

/// std::max and std::min refer to their arguments, which code for a GPU may not do with constants.
template <class T>
GYRUS_HOST_DEVICE inline T larger(T a, T b) {
  return a < b ? b : a;
}
template <class T>
GYRUS_HOST_DEVICE inline T smaller(T a, T b) {
  return b < a ? b : a;
}

struct Gradient {
  double x, y;
};

/// @param permutation  [256]
GYRUS_HOST_DEVICE inline Gradient gradient_of(const std::uint8_t* permutation, std::int64_t p,
                                              std::int64_t r) {
  constexpr double values[16] = {5, 2, 2, 5, -5, 2, -2, 5, 5, -2, 2, -5, -5, -2, -2, -5};
  const int index = permutation[(permutation[p & 255] + r) & 255] & 14;
  return {values[index], values[index + 1]};
}

/// Indices first .. last; none when last < first.
struct IndexRange {
  std::int64_t first, last;
};

/// Pixels of 0 .. count-1 that hold everything between two positions, in steps from the first pixel; a pixel
/// too many at either end receives 0.
GYRUS_HOST_DEVICE inline IndexRange pixels_between(double begin, double end, std::int64_t count) {
  return {larger(std::int64_t{0}, static_cast<std::int64_t>(begin)),
          smaller(count - 1, static_cast<std::int64_t>(end))};
}

/// One octave on its way into a field. Pixel (i, j) lies at (x + j step, y + i step).
struct Octave {
  std::int64_t rows, columns;
  double x, y, step, amplitude;
  double pixels = 1.0 / step;  // per lattice unit

  GYRUS_HOST_DEVICE double column_x(std::int64_t j) const { return x + static_cast<double>(j) * step; }
  GYRUS_HOST_DEVICE double row_y(std::int64_t i) const { return y + static_cast<double>(i) * step; }

  /// Rows of the lattice with a vertex whose circle meets the field.
  GYRUS_HOST_DEVICE IndexRange vertex_rows() const {
    const double left = x - radius, right = column_x(columns - 1) + radius;
    const double top = y - radius, bottom = row_y(rows - 1) + radius;
    // v = y + (x + y) stretch is largest in the lower left corner and smallest in the upper right one.
    return {static_cast<std::int64_t>(std::floor(top + (right + top) * stretch)),
            static_cast<std::int64_t>(std::ceil(bottom + (left + bottom) * stretch))};
  }

  /// Such vertices of row r: where it, along (1 + squish, squish), is inside the rectangle in both
  /// directions.
  GYRUS_HOST_DEVICE IndexRange vertices_of_row(std::int64_t r) const {
    const double left = x - radius, right = column_x(columns - 1) + radius;
    const double top = y - radius, bottom = row_y(rows - 1) + radius;
    const auto v = static_cast<double>(r);
    const double first = larger((left - v * squish) / (1.0 + squish), (top - v * (1.0 + squish)) / squish),
                 last =
                     smaller((right - v * squish) / (1.0 + squish), (bottom - v * (1.0 + squish)) / squish);
    return {static_cast<std::int64_t>(std::ceil(first)), static_cast<std::int64_t>(std::floor(last))};
  }
};

/// The pixels that receive the kernel of vertex (p, r): blocks of num_lanes columns, each with rows of its
/// own.
struct Circle {
  double x, y;  // of the vertex
  double line;  // its y in pixels
  IndexRange columns, rows;

  GYRUS_HOST_DEVICE Circle(const Octave& octave, std::int64_t p, std::int64_t r) {
    const auto u = static_cast<double>(p), v = static_cast<double>(r);
    x = u + (u + v) * squish;
    y = v + (u + v) * squish;
    // Where the vertex lies, and how far it reaches, in pixels.
    const double column = (x - octave.x) * octave.pixels, reach = radius * octave.pixels;
    line = (y - octave.y) * octave.pixels;
    columns = pixels_between(column - reach, column + reach, octave.columns);
    rows = pixels_between(line - reach, line + reach, octave.rows);
  }

  /// @param begin  x of the block's first column, from the vertex
  GYRUS_HOST_DEVICE IndexRange rows_of_block(const Octave& octave, double begin) const {
    if (rows.last - rows.first < 2 * num_lanes) return rows;  // a chord is not worth its root
    const double end = begin + static_cast<double>(num_lanes - 1) * octave.step;
    const double nearest = begin > 0.0 ? begin : end < 0.0 ? end : 0.0;
    const double half_chord =
        std::sqrt(larger(0.0, kernel_squared_radius - nearest * nearest)) * octave.pixels;
    return pixels_between(line - half_chord, line + half_chord, octave.rows);
  }
};

/// One octave at a point, about [-0.87, 0.87]. @param permutation  [256]
GYRUS_HOST_DEVICE inline double value_at(const std::uint8_t* permutation, double x, double y) {
  const double shift = (x + y) * stretch;
  const double u = x + shift, v = y + shift;
  const double floor_u = std::floor(u), floor_v = std::floor(v);
  const auto i0 = static_cast<std::int64_t>(floor_u), j0 = static_cast<std::int64_t>(floor_v);
  const double a = u - floor_u, b = v - floor_v, w = a + b;
  const double dx = x - (floor_u + (floor_u + floor_v) * squish),
               dy = y - (floor_v + (floor_u + floor_v) * squish);

  double total = 0.0;
  const auto add = [&](std::int64_t p, std::int64_t r, double ex, double ey) {
    const double attenuation = kernel_squared_radius - ex * ex - ey * ey;
    if (attenuation <= 0.0) return;
    const Gradient gradient = gradient_of(permutation, p, r);
    const double squared = attenuation * attenuation;
    total += squared * squared * (gradient.x * ex + gradient.y * ey);
  };
  add(i0 + 1, j0, dx - 1.0 - squish, dy - squish);
  add(i0, j0 + 1, dx - squish, dy - 1.0 - squish);
  const double far_x = dx - 1.0 - 2.0 * squish, far_y = dy - 1.0 - 2.0 * squish;
  if (w <= 1.0) {
    add(i0, j0, dx, dy);
    const double z = 1.0 - w;
    if (!(z > a || z > b))
      add(i0 + 1, j0 + 1, far_x, far_y);
    else if (a > b)
      add(i0 + 1, j0 - 1, dx - 1.0, dy + 1.0);
    else
      add(i0 - 1, j0 + 1, dx + 1.0, dy - 1.0);
  } else {
    add(i0 + 1, j0 + 1, far_x, far_y);
    const double z = 2.0 - w;
    if (!(z < a || z < b))
      add(i0, j0, dx, dy);
    else if (a > b)
      add(i0 + 2, j0, dx - 2.0 - 2.0 * squish, dy - 2.0 * squish);
    else
      add(i0, j0 + 2, dx - 2.0 * squish, dy - 2.0 - 2.0 * squish);
  }
  return total / normalisation;
}

}  // namespace gyrus::simplex_lattice
