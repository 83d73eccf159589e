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
#include <cstring>
#include <vector>

#include "trainer/diffusion/simplex.hpp"
#include "trainer/kernels/simplex_lattice.hpp"

namespace gyrus {
namespace {

using namespace simplex_lattice;

/// A vector of `Bytes` bytes: what a register of the target holds.
template <class T, std::int64_t Bytes>
struct Register {
  typedef T type __attribute__((vector_size(Bytes)));
  static constexpr std::int64_t num_values = Bytes / static_cast<std::int64_t>(sizeof(T));
};

/// What the kernel of a vertex needs of the field's rows and of the lanes of a vector.
template <class T>
struct Scratch {
  Scratch(std::int64_t rows, std::int64_t columns)
      : row_stride(columns + num_lanes - 1), room(static_cast<std::size_t>(rows)), slope(room.size()) {}
  std::int64_t row_stride;    // of the field: columns, and room behind them for a vector that hangs over
  std::vector<T> room;        // squared radius of the kernel less the row's squared distance
  std::vector<T> slope;       // the gradient's part along y
  T lane_offsets[num_lanes];  // lattice units from the first lane
};

/// Adds the kernel of one vertex with gradient (gx, gy) to the pixels it reaches.
template <std::int64_t Bytes, class T>
[[gnu::always_inline]] inline void add_kernel(const Octave& octave, const Circle& circle, double gx,
                                              double gy, Scratch<T>& scratch, T* field) {
  using Vector = typename Register<T, Bytes>::type;
  constexpr std::int64_t num_values = Register<T, Bytes>::num_values, num_registers = num_lanes / num_values;
  const Vector zero = {};
  for (std::int64_t i = circle.rows.first; i <= circle.rows.last; ++i) {
    const double ey = octave.row_y(i) - circle.y;
    scratch.room[i] = static_cast<T>(kernel_squared_radius - ey * ey);
    scratch.slope[i] = static_cast<T>(gy * ey);
  }
  for (std::int64_t j = circle.columns.first; j <= circle.columns.last; j += num_lanes) {
    const double begin = octave.column_x(j) - circle.x;
    const IndexRange rows = circle.rows_of_block(octave, begin);
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
      T* pixels = field + i * scratch.row_stride + j;
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
  const IndexRange vertex_rows = octave.vertex_rows();
  for (std::int64_t r = vertex_rows.first; r <= vertex_rows.last; ++r) {
    const IndexRange vertices = octave.vertices_of_row(r);
    for (std::int64_t p = vertices.first; p <= vertices.last; ++p) {
      const Gradient gradient = gradient_of(noise.permutation().data(), p, r);
      add_kernel<Bytes>(octave, Circle(octave, p, r), gradient.x * octave.amplitude,
                        gradient.y * octave.amplitude, scratch, field);
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
void add_octave_by_pixel(const SimplexNoise& noise, const Octave& octave, std::int64_t row_stride, T* field) {
  for (std::int64_t i = 0; i < octave.rows; ++i)
    for (std::int64_t j = 0; j < octave.columns; ++j)
      field[i * row_stride + j] +=
          static_cast<T>(octave.amplitude * normalisation * noise.at(octave.column_x(j), octave.row_y(i)));
}

template <class T>
void fill_field(const SimplexField& options, const SimplexNoise& noise, std::int64_t rows,
                std::int64_t columns, T* out, Instructions instructions) {
  if (rows <= 0 || columns <= 0) return;
  Scratch<T> scratch(rows, columns);
  std::vector<T> field(static_cast<std::size_t>(rows * scratch.row_stride), T{0});
  double step = 1.0 / options.feature_size, amplitude = 1.0 / normalisation;
  for (std::int64_t o = 0; o < options.octaves; ++o, step *= 2.0, amplitude *= options.persistence) {
    const Octave octave{rows, columns, options.origin_x, options.origin_y, step, amplitude};
    for (std::int64_t lane = 0; lane < num_lanes; ++lane)
      scratch.lane_offsets[lane] = static_cast<T>(static_cast<double>(lane) * step);
    if (step > 1.0)
      add_octave_by_pixel(noise, octave, scratch.row_stride, field.data());
    else if (instructions == Instructions::avx2)
      add_octave_avx2(noise, octave, scratch, field.data());
    else
      add_octave_baseline(noise, octave, scratch, field.data());
  }
  for (std::int64_t i = 0; i < rows; ++i)
    std::copy_n(field.data() + i * scratch.row_stride, columns, out + i * columns);
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
