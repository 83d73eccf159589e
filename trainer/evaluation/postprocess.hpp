#pragma once

#include <cstdint>
#include <vector>

#include "trainer/evaluation/options.hpp"
#include "trainer/metrics/extent.hpp"

namespace gyrus {

/// Erodes each axial slice with the 4-neighbour cross, `iterations` times; outside the image counts as 0.
/// Method section 7, step 5.
std::vector<std::uint8_t> erode_slices(const std::vector<std::uint8_t>& mask, Extent extent,
                                       std::int64_t iterations);

/// A raw map confined to the eroded brain and median filtered, in the order of the options (Q38).
/// @pre options.erosion is a number, not auto
std::vector<float> postprocess_map(std::vector<float> map, const std::vector<std::uint8_t>& mask,
                                   Extent extent, const EvaluationOptions& options);

/// 1 where the map lies above `threshold`; the threshold is rounded to float32 first when asked (Q52).
std::vector<std::uint8_t> voxels_above(const std::vector<float>& map, double threshold, bool round_threshold);

}  // namespace gyrus
