// Fields of simplex noise, vertex by vertex.
//
// The definition (SimplexNoise::at) looks for the triangle around a point and adds the kernels of its three
// vertices and of one vertex nearby. All other kernels are 0 there: a kernel ends where the neighbouring
// vertices lie, and the kernels of two vertices on opposite sides of a third one only touch. So S is the
// plain sum of all kernels, without a case to distinguish, and a field is made by adding each vertex's kernel
// to the pixels that it reaches: no table is looked up per pixel, neighbouring pixels do the same arithmetic,
// and nothing jumps where rounding moves a point into another triangle.
//
// The loops are written with vectors of 8 numbers, which the compiler turns into whatever the target has.
// Each pixel receives the same operations in the same order on every target: this file is compiled without
// contraction of products and sums (-ffp-contract=off), and what a kernel adds outside its circle is exactly
// 0.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "trainer/diffusion/simplex.hpp"

namespace gyrus {
namespace {

using namespace simplex_lattice;

constexpr std::int64_t num_lanes = 8;
constexpr double radius = 1.4142135623730951;  // of a kernel

/// A vector of `Bytes` bytes: what a register of the target holds.
template <class T, std::int64_t Bytes>
struct Register {
  typedef T type __attribute__((vector_size(Bytes)));
  static constexpr std::int64_t num_values = Bytes / static_cast<std::int64_t>(sizeof(T));
};

/// One octave on its way into a field. Pixel (i, j) lies at (x + j step, y + i step).
struct Octave {
  std::int64_t rows, columns;
  std::int64_t row_stride;  // columns, and room behind them for a vector that hangs over
  double x, y, step, amplitude;
  double pixels = 1.0 / step;  // per lattice unit

  double last_x() const { return x + static_cast<double>(columns - 1) * step; }
  double last_y() const { return y + static_cast<double>(rows - 1) * step; }
};

/// Pixels of 0 .. count-1 that hold everything between two positions, in steps from the first pixel; a pixel
/// too many at either end receives 0.
struct Range {
  Range(double begin, double end, std::int64_t count)
      : first(std::max<std::int64_t>(0, static_cast<std::int64_t>(begin))),
        last(std::min<std::int64_t>(count - 1, static_cast<std::int64_t>(end))) {}
  std::int64_t first, last;
};

/// What the kernel of a vertex needs of the field's rows and of the lanes of a vector.
template <class T>
struct Scratch {
  explicit Scratch(std::int64_t rows) : room(static_cast<std::size_t>(rows)), slope(room.size()) {}
  std::vector<T> room;        // squared radius of the kernel less the row's squared distance
  std::vector<T> slope;       // the gradient's part along y
  T lane_offsets[num_lanes];  // lattice units from the first lane
};

/// Adds the kernel of one vertex at (vertex_x, vertex_y) with gradient (gx, gy) to the pixels it reaches.
template <std::int64_t Bytes, class T>
[[gnu::always_inline]] inline void add_kernel(const Octave& octave, double vertex_x, double vertex_y,
                                              double gx, double gy, Scratch<T>& scratch, T* field) {
  using Vector = typename Register<T, Bytes>::type;
  constexpr std::int64_t num_values = Register<T, Bytes>::num_values, num_registers = num_lanes / num_values;
  const Vector zero = {};
  // Where the vertex lies, and how far it reaches, in pixels.
  const double column = (vertex_x - octave.x) * octave.pixels, line = (vertex_y - octave.y) * octave.pixels,
               reach = radius * octave.pixels;
  const Range columns(column - reach, column + reach, octave.columns);
  Range rows(line - reach, line + reach, octave.rows);
  for (std::int64_t i = rows.first; i <= rows.last; ++i) {
    const double ey = octave.y + static_cast<double>(i) * octave.step - vertex_y;
    scratch.room[i] = static_cast<T>(kernel_squared_radius - ey * ey);
    scratch.slope[i] = static_cast<T>(gy * ey);
  }
  const bool is_large = rows.last - rows.first >= 2 * num_lanes;  // else a chord is not worth its root
  for (std::int64_t j = columns.first; j <= columns.last; j += num_lanes) {
    const double begin = octave.x + static_cast<double>(j) * octave.step - vertex_x,
                 end = begin + static_cast<double>(num_lanes - 1) * octave.step;
    if (is_large) {
      const double nearest = begin > 0.0 ? begin : end < 0.0 ? end : 0.0;
      const double half_chord =
          std::sqrt(std::max(0.0, kernel_squared_radius - nearest * nearest)) * octave.pixels;
      rows = Range(line - half_chord, line + half_chord, octave.rows);
    }
    Vector squared_x[num_registers], slope_x[num_registers];
#pragma GCC unroll 8
    for (std::int64_t k = 0; k < num_registers; ++k) {
      Vector ex;
      std::memcpy(&ex, scratch.lane_offsets + k * num_values, sizeof ex);
      ex += static_cast<T>(begin);
      squared_x[k] = ex * ex;
      slope_x[k] = ex * static_cast<T>(gx);
    }
    for (std::int64_t i = rows.first; i <= rows.last; ++i) {
      T* pixels = field + i * octave.row_stride + j;
#pragma GCC unroll 8
      for (std::int64_t k = 0; k < num_registers; ++k) {
        Vector kernel = scratch.room[i] - squared_x[k];
        kernel = kernel > zero ? kernel : zero;
        kernel *= kernel;
        kernel *= kernel;
        Vector sum;
        std::memcpy(&sum, pixels + k * num_values, sizeof sum);
        sum += kernel * (slope_x[k] + scratch.slope[i]);
        std::memcpy(pixels + k * num_values, &sum, sizeof sum);
      }
    }
  }
}

/// Adds every vertex whose circle meets the field, row of the lattice by row of the lattice.
template <std::int64_t Bytes, class T>
[[gnu::always_inline]] inline void add_octave(const SimplexNoise& noise, const Octave& octave,
                                              Scratch<T>& scratch, T* field) {
  const double left = octave.x - radius, right = octave.last_x() + radius;
  const double top = octave.y - radius, bottom = octave.last_y() + radius;
  // v = y + (x + y) stretch is largest in the lower left corner and smallest in the upper right one.
  const auto first_r = static_cast<std::int64_t>(std::floor(top + (right + top) * stretch)),
             last_r = static_cast<std::int64_t>(std::ceil(bottom + (left + bottom) * stretch));
  for (std::int64_t r = first_r; r <= last_r; ++r) {
    const auto v = static_cast<double>(r);
    // Where this row of vertices, along (1 + squish, squish), is inside the rectangle in both directions.
    const double first_p =
                     std::max((left - v * squish) / (1.0 + squish), (top - v * (1.0 + squish)) / squish),
                 last_p =
                     std::min((right - v * squish) / (1.0 + squish), (bottom - v * (1.0 + squish)) / squish);
    for (auto p = static_cast<std::int64_t>(std::ceil(first_p));
         p <= static_cast<std::int64_t>(std::floor(last_p)); ++p) {
      const auto u = static_cast<double>(p);
      const std::size_t gradient = noise.gradient_of(p, r);
      add_kernel<Bytes>(octave, u + (u + v) * squish, v + (u + v) * squish,
                        gradients[gradient] * octave.amplitude, gradients[gradient + 1] * octave.amplitude,
                        scratch, field);
    }
  }
}

void add_octave_baseline(const SimplexNoise& noise, const Octave& octave, Scratch<double>& scratch,
                         double* field) {
  add_octave<16>(noise, octave, scratch, field);
}
void add_octave_baseline(const SimplexNoise& noise, const Octave& octave, Scratch<float>& scratch,
                         float* field) {
  add_octave<16>(noise, octave, scratch, field);
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] void add_octave_avx2(const SimplexNoise& noise, const Octave& octave,
                                             Scratch<double>& scratch, double* field) {
  add_octave<32>(noise, octave, scratch, field);
}
[[gnu::target("avx2")]] void add_octave_avx2(const SimplexNoise& noise, const Octave& octave,
                                             Scratch<float>& scratch, float* field) {
  add_octave<32>(noise, octave, scratch, field);
}
bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0;
}
#else
template <class T>
void add_octave_avx2(const SimplexNoise& noise, const Octave& octave, Scratch<T>& scratch, T* field) {
  add_octave_baseline(noise, octave, scratch, field);
}
bool has_avx2() {
  return false;
}
#endif

/// The definition, pixel by pixel: where pixels are farther apart than vertices, most vertices reach none.
template <class T>
void add_octave_by_pixel(const SimplexNoise& noise, const Octave& octave, T* field) {
  for (std::int64_t i = 0; i < octave.rows; ++i)
    for (std::int64_t j = 0; j < octave.columns; ++j)
      field[i * octave.row_stride + j] +=
          static_cast<T>(octave.amplitude * normalisation *
                         noise.at(octave.x + static_cast<double>(j) * octave.step,
                                  octave.y + static_cast<double>(i) * octave.step));
}

template <class T>
void fill_field(const SimplexField& options, const SimplexNoise& noise, std::int64_t rows,
                std::int64_t columns, T* out, Instructions instructions) {
  if (rows <= 0 || columns <= 0) return;
  const std::int64_t row_stride = columns + num_lanes - 1;
  std::vector<T> field(static_cast<std::size_t>(rows * row_stride), T{0});
  Scratch<T> scratch(rows);
  double step = 1.0 / options.feature_size, amplitude = 1.0 / normalisation;
  for (std::int64_t o = 0; o < options.octaves; ++o, step *= 2.0, amplitude *= options.persistence) {
    const Octave octave{rows, columns, row_stride, options.origin_x, options.origin_y, step, amplitude};
    for (std::int64_t lane = 0; lane < num_lanes; ++lane)
      scratch.lane_offsets[lane] = static_cast<T>(static_cast<double>(lane) * step);
    if (step > 1.0)
      add_octave_by_pixel(noise, octave, field.data());
    else if (instructions == Instructions::avx2)
      add_octave_avx2(noise, octave, scratch, field.data());
    else
      add_octave_baseline(noise, octave, scratch, field.data());
  }
  for (std::int64_t i = 0; i < rows; ++i)
    std::copy_n(field.data() + i * row_stride, columns, out + i * columns);
}

}  // namespace

std::span<const Instructions> available_instructions() {
  static constexpr Instructions all[] = {Instructions::baseline, Instructions::avx2};
  static const std::size_t count = has_avx2() ? 2 : 1;
  return {all, count};
}

void SimplexField::fill(const SimplexNoise& noise, std::int64_t rows, std::int64_t columns, double* out,
                        Instructions instructions) const {
  fill_field(*this, noise, rows, columns, out, instructions);
}

void SimplexField::fill(const SimplexNoise& noise, std::int64_t rows, std::int64_t columns, float* out,
                        Instructions instructions) const {
  fill_field(*this, noise, rows, columns, out, instructions);
}

}  // namespace gyrus
