#pragma once

#include <array>
#include <cstdint>

#include "data/source/grid.hpp"

namespace gyrus {

/// Samples of a volume on a grid of other voxels: the centre of voxel (0, 0, 0) stays, new voxel k of an axis
/// lies at index k * new_spacing / spacing of the old ones. Positions outside of the old voxels give 0:
/// before -0.5, and from size - 0.5 on. Reference: ITK ResampleImageFilter, ANTs ResampleImage.

enum class Interpolation {
  nearest,  // halves go up
  linear,   // beyond the outermost centres as at them
  bspline   // cubic, with prefilter and mirror boundary
};

/// round(size * spacing / new_spacing), at least 1, per axis.
std::array<std::int64_t, 3> resampled_size(const std::array<std::int64_t, 3>& size,
                                           const std::array<double, 3>& spacing,
                                           const std::array<double, 3>& new_spacing);

Grid<float> resample_image(const Grid<float>& image, const std::array<double, 3>& spacing,
                           const std::array<double, 3>& new_spacing, Interpolation interpolation);

/// 1 where the interpolated label is above 0: for linear, wherever a voxel that is set has any share.
Grid<std::uint8_t> resample_labels(const Grid<std::uint8_t>& labels, const std::array<double, 3>& spacing,
                                   const std::array<double, 3>& new_spacing, Interpolation interpolation);

}  // namespace gyrus
