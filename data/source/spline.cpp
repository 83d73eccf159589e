#include "data/source/spline.hpp"

#include <cmath>

namespace gyrus {
namespace {

constexpr double spline_pole = -0.26794919243112270647;  // sqrt(3) - 2
constexpr double spline_tolerance = 1e-10;

}  // namespace

void prefilter(std::vector<double>& line) {
  const auto n = static_cast<std::int64_t>(line.size());
  if (n == 1) return;
  const double z = spline_pole;
  for (double& value : line) value *= (1.0 - z) * (1.0 - 1.0 / z);
  const auto horizon =
      static_cast<std::int64_t>(std::ceil(std::log(spline_tolerance) / std::log(std::abs(z))));
  double power = z;
  if (horizon < n) {
    double sum = line[0];
    for (std::int64_t i = 1; i < horizon; ++i, power *= z) sum += power * line[i];
    line[0] = sum;
  } else {  // the exact sum over the mirrored signal
    const double inverse = 1.0 / z;
    double mirrored = std::pow(z, static_cast<double>(n - 1));
    double sum = line[0] + mirrored * line[n - 1];
    mirrored *= mirrored * inverse;
    for (std::int64_t i = 1; i < n - 1; ++i, power *= z, mirrored *= inverse)
      sum += (power + mirrored) * line[i];
    line[0] = sum / (1.0 - power * power);
  }
  for (std::int64_t i = 1; i < n; ++i) line[i] += z * line[i - 1];
  line[n - 1] = z / (z * z - 1.0) * (line[n - 1] + z * line[n - 2]);
  for (std::int64_t i = n - 2; i >= 0; --i) line[i] = z * (line[i + 1] - line[i]);
}

std::int64_t mirrored(std::int64_t i, std::int64_t n) {
  if (n == 1) return 0;
  const std::int64_t period = 2 * (n - 1);
  i = (i % period + period) % period;
  return i < n ? i : period - i;
}

}  // namespace gyrus
