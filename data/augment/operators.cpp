#include "data/augment/operators.hpp"

#include <cmath>
#include <cstdlib>
#include <numbers>

namespace gyrus {
namespace {

namespace kernels = augment_kernels;

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

}  // namespace

double axis_coordinate(std::int64_t i, std::int64_t n) {
  const double half = static_cast<double>(n) / 2.0;
  return n == 1 ? 0.0 : (static_cast<double>(i) - half + 0.5) / (half - 0.5);
}

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

}  // namespace gyrus
