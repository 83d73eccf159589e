#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "data/source/grid.hpp"
#include "data/source/options.hpp"
#include "data/source/resample.hpp"
#include "data/volume.hpp"

namespace gyrus {

/// What ITK does for the steps `n4` and `register`. In a build without ITK (GYRUS_ITK=OFF) every function
/// throws NotBuiltError.
/// Determinism: one thread per call and fixed seeds, so results depend on the arguments alone.
/// Thread safety: may be called from several threads.

/// @param step  of data.steps, for the message
/// @throws NotBuiltError
void check_itk_is_built(const std::string& step);

/// The image without its bias field, a smooth factor that is estimated inside the mask and divided out
/// everywhere.
/// @param spacing  mm along x, y, z
/// @param name  of the volume, for messages
/// @throws DataError: a brain that is dark or of one intensity, a volume too thin for data.n4.shrink
/// Reference: Tustison et al. 2010, doi:10.1109/TMI.2010.2046908.
Grid<float> correct_bias_field(const Grid<float>& image, const Grid<std::uint8_t>& mask,
                               const std::array<double, 3>& spacing, const N4Options& options,
                               const std::string& name);

/// An image, where it lies in the patient, and its name for messages.
struct PlacedImage {
  const Grid<float>& voxels;
  const Affine& affine;
  const std::string& name;
};

/// The affine map, from mm of `fixed` to mm of `moving`, under which they tell most about each other.
/// @throws DataError: an affine without inverse, images that nothing can be found from
/// Reference: Mattes et al. 2003, doi:10.1109/TMI.2003.809072 (mutual information); the metric's optimum is
/// found from the centres of mass on, at a quarter of the resolution, at half and at all of it.
Affine find_affine(const PlacedImage& fixed, const PlacedImage& moving);

/// A grid and where it lies in the patient.
struct GridPlace {
  std::array<std::int64_t, 3> size{};
  Affine affine{};
};

/// `image` as it looks on another grid: each voxel there shows the place to which `map` leads from it, 0
/// where that is outside of the image.
/// @param affine  of `image`
Grid<float> warp_image(const Grid<float>& image, const Affine& affine, const Affine& map,
                       const GridPlace& onto, Interpolation interpolation);

/// 1 where the interpolated label is above 0. @param interpolation  nearest or linear
Grid<std::uint8_t> warp_labels(const Grid<std::uint8_t>& labels, const Affine& affine, const Affine& map,
                               const GridPlace& onto, Interpolation interpolation);

}  // namespace gyrus
