#pragma once

#include <cstdint>
#include <vector>

namespace gyrus {

/// Turns samples into cubic B-spline coefficients, in place: recursive prefilter, mirror boundary.
/// Reference: Unser, Aldroubi, Eden 1993; ITK BSplineDecompositionImageFilter.
void prefilter(std::vector<double>& line);

/// Where the mirror boundary finds index `i` of a line of `n` samples: the end samples are not repeated.
std::int64_t mirrored(std::int64_t i, std::int64_t n);

}  // namespace gyrus
