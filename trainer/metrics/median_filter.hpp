#pragma once

#include <cstdint>
#include <vector>

#include "trainer/metrics/extent.hpp"

namespace gyrus {

/// Median over cubes of odd `size`, borders mirrored about the edge (scipy "reflect"). Exact for any values,
/// and fast where most of the volume is 0, as residuals outside the brain are.
/// Reference: Huang, Yang, Tang 1979 (moving window); here over ranks, so that nothing is rounded.
std::vector<float> median_filter(const std::vector<float>& values, Extent extent, std::int64_t size);

}  // namespace gyrus
