#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "data/source/grid.hpp"

namespace gyrus {

/// The steps of method.md 1.6 and 1.7, each for float or double storage; arithmetic is in double.

/// Edge-preserving smoothing: explicit Euler steps of curvature flow, borders replicated.
/// @param spacing  mm along x, y, z
/// Reference: ITK CurvatureFlowImageFilter.
template <class T>
Grid<T> curvature_flow(Grid<T> image, const std::array<double, 3>& spacing, int num_iterations,
                       double time_step);

/// The box of `size` voxels whose voxel (0, 0, 0) is `start` of the image; 0 where the image does not reach.
template <class T>
Grid<T> cut(const Grid<T>& image, const std::array<std::int64_t, 3>& start,
            const std::array<std::int64_t, 3>& size);

/// What index 0 of the result of centre_crop_or_pad is in the image, along one axis; negative when it pads.
std::int64_t crop_start(std::int64_t image_size, std::int64_t size);

/// Crops or pads (with 0) to `size` about the centre: of an odd difference the larger half goes to the low
/// end.
template <class T>
Grid<T> centre_crop_or_pad(const Grid<T>& image, const std::array<std::int64_t, 3>& size);

/// 1 where the image is not 0.
Grid<std::uint8_t> nonzero(const Grid<float>& image);

bool is_empty(const Grid<std::uint8_t>& mask);

/// Percentiles (0..100, linear interpolation as numpy's) of the voxels where `mask` is not 0. @pre the mask
/// is not empty
template <class T>
std::vector<double> percentiles_inside(const Grid<T>& image, const Grid<std::uint8_t>& mask,
                                       const std::vector<double>& percents);
template <class T>
std::pair<double, double> masked_percentiles(const Grid<T>& image, const Grid<std::uint8_t>& mask, double low,
                                             double high);

/// Clips to [low, high] and maps the clipped volume's own smallest and largest value to 0 and 1.
/// @return false, and the image unspecified, when the volume is constant
template <class T>
bool rescale_intensities(Grid<T>& image, double low, double high);

/// Half as many voxels per axis, voxel k sampled at index 2k + 0.5 by cubic B-spline interpolation (recursive
/// prefilter, mirror boundary, no smoothing before). @pre even sizes
template <class T>
Grid<T> downsample_image(const Grid<T>& image);

/// The same sampling by the nearest neighbour, which at these positions is voxel 2k + 1. @pre even sizes
Grid<std::uint8_t> downsample_labels(const Grid<std::uint8_t>& labels);

}  // namespace gyrus
