#include "trainer/metrics/reconstruction_quality.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gyrus {
namespace {

constexpr std::int64_t window = 7;

/// Sums over windows of a slice by a table of sums of all upper left rectangles.
class SumTable {
 public:
  template <class Value>
  SumTable(std::int64_t height, std::int64_t width, Value&& value)
      : stride_(width + 1), sums_(static_cast<std::size_t>((height + 1) * (width + 1)), 0.0) {
    for (std::int64_t y = 0; y < height; ++y)
      for (std::int64_t x = 0; x < width; ++x)
        at(y + 1, x + 1) = value(y * width + x) + at(y, x + 1) + at(y + 1, x) - at(y, x);
  }
  double mean(std::int64_t y, std::int64_t x) const {
    constexpr double pixels = window * window;
    return (at(y + window, x + window) - at(y, x + window) - at(y + window, x) + at(y, x)) / pixels;
  }

 private:
  double& at(std::int64_t y, std::int64_t x) { return sums_[y * stride_ + x]; }
  double at(std::int64_t y, std::int64_t x) const { return sums_[y * stride_ + x]; }

  std::int64_t stride_;
  std::vector<double> sums_;
};

double similarity_of_slice(const float* a, const float* b, std::int64_t height, std::int64_t width) {
  constexpr double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
  constexpr double to_sample = window * window / (window * window - 1.0);
  const auto table = [&](const float* left, const float* right) {
    return SumTable(height, width, [=](std::int64_t i) { return static_cast<double>(left[i]) * right[i]; });
  };
  const SumTable sum_a(height, width, [=](std::int64_t i) { return static_cast<double>(a[i]); }),
      sum_b(height, width, [=](std::int64_t i) { return static_cast<double>(b[i]); });
  const SumTable sum_aa = table(a, a), sum_bb = table(b, b), sum_ab = table(a, b);
  double total = 0.0;
  for (std::int64_t y = 0; y + window <= height; ++y)
    for (std::int64_t x = 0; x + window <= width; ++x) {
      const double mean_a = sum_a.mean(y, x), mean_b = sum_b.mean(y, x);
      const double variance_a = to_sample * (sum_aa.mean(y, x) - mean_a * mean_a),
                   variance_b = to_sample * (sum_bb.mean(y, x) - mean_b * mean_b),
                   covariance = to_sample * (sum_ab.mean(y, x) - mean_a * mean_b);
      total += (2.0 * mean_a * mean_b + c1) * (2.0 * covariance + c2) /
               ((mean_a * mean_a + mean_b * mean_b + c1) * (variance_a + variance_b + c2));
    }
  return total / static_cast<double>((height - window + 1) * (width - window + 1));
}

}  // namespace

double peak_signal_to_noise(const std::vector<float>& image, const std::vector<float>& reconstruction) {
  double squares = 0.0;
  for (std::size_t i = 0; i < image.size(); ++i) {
    const double difference = static_cast<double>(image[i]) - reconstruction[i];
    squares += difference * difference;
  }
  return -10.0 * std::log10(squares / static_cast<double>(image.size()));
}

double structural_similarity(const std::vector<float>& image, const std::vector<float>& reconstruction,
                             const std::vector<std::uint8_t>& mask, Extent extent) {
  constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
  if (extent.height < window || extent.width < window) return undefined;
  const std::int64_t area = extent.height * extent.width;
  double total = 0.0;
  std::int64_t slices = 0;
  for (std::int64_t z = 0; z < extent.depth; ++z) {
    const auto* brain = &mask[z * area];
    if (std::none_of(brain, brain + area, [](std::uint8_t value) { return value != 0; })) continue;
    total += similarity_of_slice(&image[z * area], &reconstruction[z * area], extent.height, extent.width);
    ++slices;
  }
  return slices == 0 ? undefined : total / static_cast<double>(slices);
}

}  // namespace gyrus
