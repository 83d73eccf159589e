#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "trainer/evaluation/threshold_curve.hpp"

namespace gyrus {

/// The published search for the best threshold (Q41). The interval starts as [0, `largest`]; ten rounds
/// evaluate the points at 25 % and 75 % of it, remember the better one when it is at least as good as the
/// best so far, and go on with its half (the lower one when both are equal). Assumes a single peak.
/// Reference: method section 7.
struct IntervalSearch {
  BestThreshold best;
  // Per round: low, high, 25 % point, 75 % point, value at each, branch (0 lower half, 1 upper half).
  std::vector<std::array<double, 7>> rounds;
};
IntervalSearch interval_search(double largest, const std::function<double(double)>& dice_above);

/// The smallest value t with at most `rate` of `num_voxels` voxels above it: exact. `count_above` counts
/// voxels above a value; it may be collective, since every rank asks for the same values.
float healthy_quantile(double rate, std::int64_t num_voxels,
                       const std::function<std::int64_t(float)>& count_above);

struct ValueCount {
  float value;
  std::uint64_t count;
};
/// Distinct values and how often each occurs, from the largest.
std::vector<ValueCount> count_values(std::vector<float> values);
/// Joins such lists.
std::vector<ValueCount> merge_counts(const std::vector<std::vector<ValueCount>>& lists);

/// The published healthy threshold (Q51): the first point with a false-positive rate above `rate` on the ROC
/// curve of healthy voxels, after points between equal steps have been left out of the curve, so that
/// without ties hardly any point is left. `counts` from the largest value.
float healthy_roc_threshold(double rate, const std::vector<ValueCount>& counts);

}  // namespace gyrus
