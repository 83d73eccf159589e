#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// The inner loops of the augmentations, in vector instructions where the processor has them.
/// Determinism: bit-identical on every processor and for both kinds of instructions.
namespace gyrus::augment_kernels {

/// value <- sign(value) |value|^exponent, within 4e-6 of the exact power for values above 1e-12, 4e-7 between
/// 1e-3 and 1.
void signed_power(std::span<float> values, float exponent);

/// values[i] <- values[i] exp(c0 + c1 y + c2 y^2 + c3 y^3), y = first + i step.
void multiply_by_exp_cubic(std::span<float> values, const double (&coefficients)[4], double first,
                           double step);

/// sums[i] += weight * values[i].
void add_scaled(double weight, std::span<const float> values, std::span<double> sums);

/// A square matrix of which row i is 0 outside [first[i], last[i]).
struct BandMatrix {
  std::int64_t size = 0;
  std::vector<double> values;  // [size, size]
  std::vector<std::int64_t> first, last;

  explicit BandMatrix(std::int64_t size_);
  double& at(std::int64_t row, std::int64_t column) { return values[row * size + column]; }
  /// Finds the bands after `at` has written.
  void find_bands();
};

/// plane [rows, columns] <- matrix * plane. @pre matrix.size == rows
void multiply_rows(const BandMatrix& matrix, std::int64_t columns, std::vector<double>& plane);

/// [rows, columns] -> [columns, rows].
std::vector<double> transposed(const std::vector<double>& plane, std::int64_t rows, std::int64_t columns);

/// For tests: whether vector instructions beyond the baseline are used, and a switch that turns them off.
bool uses_avx2();
void allow_avx2(bool allowed);

}  // namespace gyrus::augment_kernels
