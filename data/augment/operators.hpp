#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "data/augment/augment.hpp"
#include "data/augment/kernels.hpp"

/// The numbers that augmentations are made of, for whatever computes them: vector instructions of the CPU
/// (augment.cpp) or a device.
namespace gyrus {

/// Coordinate of index i on an axis of n voxels: -1 at the first, 1 at the last.
double axis_coordinate(std::int64_t i, std::int64_t n);

/// How much of each source slice is in the wanted one, through ghosting and blur along z: [depth].
std::vector<double> source_weights(const Augmentation& augmentation, std::int64_t slice, std::int64_t depth);

/// The bias field's exponent of one slice is a polynomial in x and y; its coefficients, for powers a, b with
/// a + b <= 3. @param z  of the slice, as axis_coordinate gives it
std::array<std::array<double, 4>, 4> bias_in_plane(const std::array<double, 20>& coefficients, double z);

/// Blur and ghosting along an axis of n voxels as matrices.
augment_kernels::BandMatrix blur_matrix(double std, std::int64_t n);
augment_kernels::BandMatrix ghost_matrix(const Ghosting& ghosting, std::int64_t n);

}  // namespace gyrus
