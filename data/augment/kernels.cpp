#include "data/augment/kernels.hpp"

#include <algorithm>
#include <atomic>
#include <bit>

// Each loop is written once, inlined into a function for the baseline and into one for AVX2. The compiler
// vectorises both (-O3, data/CMakeLists.txt) and may not contract products and sums, so that they give the
// same bits.
namespace gyrus::augment_kernels {
namespace {

#if defined(__x86_64__)
bool has_avx2() {
  return __builtin_cpu_supports("avx2") != 0;
}
#define GYRUS_AVX2 [[gnu::target("avx2")]]
#else
bool has_avx2() {
  return false;
}
#define GYRUS_AVX2
#endif

std::atomic<bool> avx2_is_used{has_avx2()};

/// log2 of a positive number: exponent, and the series of atanh for the rest in [sqrt(1/2), sqrt(2)).
[[gnu::always_inline]] inline float log2_of(float value) {
  constexpr std::int32_t sqrt_half = 0x3f3504f3;
  const auto bits = std::bit_cast<std::int32_t>(value);
  const std::int32_t exponent = (bits - sqrt_half) >> 23;
  const auto rest = std::bit_cast<float>(bits - (exponent << 23));
  const float s = (rest - 1.0f) / (rest + 1.0f), s2 = s * s;
  const float series =
      1.0f + s2 * (1.0f / 3.0f + s2 * (1.0f / 5.0f + s2 * (1.0f / 7.0f + s2 * (1.0f / 9.0f))));
  constexpr float two_over_ln2 = 2.88539008f;
  return static_cast<float>(exponent) + two_over_ln2 * s * series;
}

/// 2^value, limited to [2^-126, 2^127].
[[gnu::always_inline]] inline float exp2_of(float value) {
  value = std::min(std::max(value, -126.0f), 127.0f);
  constexpr float to_integer = 12582912.0f;  // 1.5 * 2^23: what is added to it is rounded to an integer
  const float whole = (value + to_integer) - to_integer;
  const float x = (value - whole) * 0.693147181f;
  const float series =
      1.0f +
      x * (1.0f + x * (0.5f + x * (1.0f / 6.0f +
                                   x * (1.0f / 24.0f +
                                        x * (1.0f / 120.0f + x * (1.0f / 720.0f + x * (1.0f / 5040.0f)))))));
  return series * std::bit_cast<float>((static_cast<std::int32_t>(whole) + 127) << 23);
}

[[gnu::always_inline]] inline void signed_power_body(float* values, std::size_t count, float exponent) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i]);
    const std::uint32_t magnitude = bits & 0x7fffffffu, sign = bits & 0x80000000u;
    const float power = exp2_of(exponent * log2_of(std::bit_cast<float>(magnitude)));
    const std::uint32_t keep = magnitude == 0 ? 0u : 0xffffffffu;
    values[i] = std::bit_cast<float>((std::bit_cast<std::uint32_t>(power) & keep) | sign);
  }
}

[[gnu::always_inline]] inline void exp_cubic_body(float* values, std::size_t count, const double* c,
                                                  double first, double step) {
  for (std::size_t i = 0; i < count; ++i) {
    const double y = first + step * static_cast<double>(static_cast<std::int32_t>(i));
    const double exponent = c[0] + y * (c[1] + y * (c[2] + y * c[3]));
    values[i] *= exp2_of(static_cast<float>(exponent * 1.4426950408889634));
  }
}

[[gnu::always_inline]] inline void add_scaled_body(double weight, const float* values, std::size_t count,
                                                   double* __restrict sums) {
  for (std::size_t i = 0; i < count; ++i) sums[i] += weight * static_cast<double>(values[i]);
}

/// Four rows at a time: the sums pass through memory a quarter as often.
[[gnu::always_inline]] inline void multiply_rows_body(const BandMatrix& matrix, std::int64_t columns,
                                                      const double* plane, double* __restrict result) {
  for (std::int64_t i = 0; i < matrix.size; ++i) {
    double* const out = result + i * columns;
    const double* const weights = &matrix.values[i * matrix.size];
    std::int64_t k = matrix.first[i];
    for (; k + 4 <= matrix.last[i]; k += 4) {
      const double w0 = weights[k], w1 = weights[k + 1], w2 = weights[k + 2], w3 = weights[k + 3];
      const double* const in = plane + k * columns;
      for (std::int64_t j = 0; j < columns; ++j)
        out[j] += (w0 * in[j] + w1 * in[columns + j]) + (w2 * in[2 * columns + j] + w3 * in[3 * columns + j]);
    }
    for (; k < matrix.last[i]; ++k) {
      const double w = weights[k];
      const double* const in = plane + k * columns;
      for (std::int64_t j = 0; j < columns; ++j) out[j] += w * in[j];
    }
  }
}

GYRUS_AVX2 void signed_power_avx2(float* values, std::size_t count, float exponent) {
  signed_power_body(values, count, exponent);
}
GYRUS_AVX2 void exp_cubic_avx2(float* values, std::size_t count, const double* c, double first, double step) {
  exp_cubic_body(values, count, c, first, step);
}
GYRUS_AVX2 void add_scaled_avx2(double weight, const float* values, std::size_t count, double* sums) {
  add_scaled_body(weight, values, count, sums);
}
GYRUS_AVX2 void multiply_rows_avx2(const BandMatrix& matrix, std::int64_t columns, const double* plane,
                                   double* result) {
  multiply_rows_body(matrix, columns, plane, result);
}

}  // namespace

bool uses_avx2() {
  return avx2_is_used;
}

void allow_avx2(bool allowed) {
  avx2_is_used = allowed && has_avx2();
}

void signed_power(std::span<float> values, float exponent) {
  if (uses_avx2())
    signed_power_avx2(values.data(), values.size(), exponent);
  else
    signed_power_body(values.data(), values.size(), exponent);
}

void multiply_by_exp_cubic(std::span<float> values, const double (&coefficients)[4], double first,
                           double step) {
  if (uses_avx2())
    exp_cubic_avx2(values.data(), values.size(), coefficients, first, step);
  else
    exp_cubic_body(values.data(), values.size(), coefficients, first, step);
}

void add_scaled(double weight, std::span<const float> values, std::span<double> sums) {
  if (uses_avx2())
    add_scaled_avx2(weight, values.data(), values.size(), sums.data());
  else
    add_scaled_body(weight, values.data(), values.size(), sums.data());
}

BandMatrix::BandMatrix(std::int64_t size_)
    : size(size_),
      values(static_cast<std::size_t>(size_ * size_), 0.0),
      first(size_, 0),
      last(size_, size_) {}

void BandMatrix::find_bands() {
  for (std::int64_t row = 0; row < size; ++row) {
    while (first[row] < last[row] && at(row, first[row]) == 0.0) ++first[row];
    while (last[row] > first[row] && at(row, last[row] - 1) == 0.0) --last[row];
  }
}

void multiply_rows(const BandMatrix& matrix, std::int64_t columns, std::vector<double>& plane) {
  std::vector<double> result(plane.size(), 0.0);
  if (uses_avx2())
    multiply_rows_avx2(matrix, columns, plane.data(), result.data());
  else
    multiply_rows_body(matrix, columns, plane.data(), result.data());
  plane = std::move(result);
}

std::vector<double> transposed(const std::vector<double>& plane, std::int64_t rows, std::int64_t columns) {
  std::vector<double> result(plane.size());
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) result[j * rows + i] = plane[i * columns + j];
  return result;
}

}  // namespace gyrus::augment_kernels
