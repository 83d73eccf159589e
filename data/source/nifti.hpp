#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "data/source/grid.hpp"
#include "data/volume.hpp"
#include "launch/error.hpp"

namespace gyrus {

/// One axis of a file's array in the patient: 0 left-right, 1 front-back, 2 bottom-top; `along_lps` when the
/// index grows towards Left, Posterior, Superior.
struct AxisDirection {
  int patient_axis = 0;
  bool along_lps = true;

  bool operator==(const AxisDirection&) const = default;
};

/// The corners of a mask or lesion may lie so many voxels from those of its image: headers round, and a shift
/// by less leaves every voxel its nearest one.
inline constexpr double max_corner_distance = 0.5;

/// A voxel is NaN or infinite.
struct NotFiniteError : DataError {
  using DataError::DataError;
};

/// A volume as a file has it, intensities scaled by the file's slope and intercept.
struct NiftiVolume {
  Grid<float> voxels;
  std::array<double, 3> spacing{};                         // mm along the array's axes
  std::optional<std::array<AxisDirection, 3>> directions;  // absent: the file has neither sform nor qform
  Affine affine{};              // of the array as it is; spacing alone when the file has neither
  bool forms_disagree = false;  // sform and qform are there, and one is the mirror image of the other
};

/// Reads .nii or .nii.gz (NIfTI-1 or -2).
/// @throws DataError: missing, not NIfTI, truncated, damaged, not 3-D, not a real number type, NaN or
/// infinite voxels (NotFiniteError)
NiftiVolume read_nifti(const std::filesystem::path& path);

/// The same volume with array axes LPS: x to Left, y to Posterior, z to Superior (oblique files: the nearest
/// axes).
/// @pre directions are known
NiftiVolume to_lps(const NiftiVolume& volume);

/// How far the corners of `other` lie from those of `volume`, at most: in voxels of `volume`, along its axes.
/// @pre equal sizes; the affine of `volume` has three directions
double corner_distance(const NiftiVolume& volume, const NiftiVolume& other);

/// Reads a file and, with `reorient`, brings it to LPS axes.
/// @throws DataError: the same, or no orientation is known to go by
NiftiVolume read_nifti(const std::filesystem::path& path, bool reorient);

}  // namespace gyrus
