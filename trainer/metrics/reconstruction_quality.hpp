#pragma once

#include <cstdint>
#include <vector>

#include "trainer/metrics/extent.hpp"

namespace gyrus {

/// Peak signal-to-noise ratio 10 log10(1 / MSE) over all voxels, for images of range 1; unit dB, infinite for
/// equal images.
double peak_signal_to_noise(const std::vector<float>& image, const std::vector<float>& reconstruction);

/// Structural similarity of axial slices, mean over the slices with brain; NaN without one. Window: 7x7
/// pixels of equal weight, sample covariance, K1 = 0.01, K2 = 0.03, range 1, windows inside the slice only.
/// Reference: Wang et al. 2004, doi:10.1109/TIP.2003.819861, with the settings of scikit-image.
/// @pre slices of at least 7x7 pixels give a number; smaller ones NaN
double structural_similarity(const std::vector<float>& image, const std::vector<float>& reconstruction,
                             const std::vector<std::uint8_t>& mask, Extent extent);

}  // namespace gyrus
