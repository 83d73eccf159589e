#pragma once

#include <cstdint>
#include <vector>

#include "data/source/grid.hpp"

namespace gyrus {

/// `count` numbers from `low` to `high`, both among them, with equal steps. @pre count >= 2
std::vector<double> evenly_between(double low, double high, std::size_t count);

/// Maps intensities inside `mask` so that each of `own` becomes the same one of `wanted`, linearly between
/// two neighbours; the outermost pieces go on beyond their ends. Voxels outside of the mask stay.
/// @pre both rise (neighbours may be equal) and have the same length, at least 2
/// Reference: Nyúl, Udupa 1999, "On standardizing the MR image intensity scale", with the percentiles of one
/// volume in place of a trained scale.
void move_landmarks(Grid<float>& image, const Grid<std::uint8_t>& mask, const std::vector<double>& own,
                    const std::vector<double>& wanted);

}  // namespace gyrus
