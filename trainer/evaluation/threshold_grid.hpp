#pragma once

#include <cstdint>

/// The thresholds that searches and curves go through: k / 8192 for k = 0 ... 8191. A voxel is marked when
/// its residual is above the threshold. They are exact in float32 and float64, so comparing is too.
namespace gyrus::threshold_grid {

inline constexpr std::int64_t size = 8192;

inline double threshold(std::int64_t index) {
  return static_cast<double>(index) / size;
}

/// How many thresholds of the grid lie below `residual`: 0 ... 8192. Those are the first ones.
inline std::int64_t num_below(float residual) {
  const float scaled = residual * size;  // exact: a power of two
  if (!(scaled > 0.0f)) return 0;
  if (scaled >= size) return size;
  const auto whole = static_cast<std::int64_t>(scaled);
  return static_cast<float>(whole) < scaled ? whole + 1 : whole;
}

}  // namespace gyrus::threshold_grid
