#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "data/augment/spatial.hpp"
#include "data/options.hpp"
#include "data/order.hpp"
#include "data/volume.hpp"

namespace gyrus {

/// Motion-like ghosts along one axis of the volume.
struct Ghosting {
  std::int64_t num_ghosts = 4;
  std::int64_t axis = 0;  // 0 x, 1 y, 2 z
  double strength = 1.0;
};

/// What happens to one sample, in this order; absent operations do nothing.
/// Reference: torchio 0.18.73 RandomGamma, RandomBiasField, RandomBlur, RandomGhosting (method.md 1.9).
struct Augmentation {
  std::optional<double> gamma = {};  // exponent
  std::optional<std::array<double, 20>> bias_coefficients =
      {};                                              // of X^a Y^b Z^c, a + b + c <= 3, a outermost
  std::optional<std::array<double, 3>> blur_std = {};  // voxels along x, y, z
  std::optional<Ghosting> ghosting = {};
  // Not of the published recipe:
  bool flip = false;
  std::optional<Elastic> elastic = {};
  bool invert = false;

  bool changes_intensities() const { return gamma || bias_coefficients || blur_std || ghosting; }
};

/// Draws the augmentation of a volume in an epoch. Every number is drawn whether used or not, so that the
/// probability of one operation does not change another.
/// @param spacing  mm along x, y, z
/// Determinism: depends on the arguments alone.
Augmentation draw_augmentation(const AugmentOptions& options, std::uint64_t seed, std::uint64_t epoch,
                               std::uint64_t volume, const std::array<double, 3>& spacing);

/// The same for the sample of an epoch.
Augmentation draw_augmentation(const AugmentOptions& options, std::uint64_t seed, const Sample& sample,
                               const VolumeInfo& volume);

/// Shape of the volume that a slice belongs to.
struct SliceShape {
  std::int64_t depth = 0, height = 0, width = 0;
};

/// Reads the volume's unaugmented slice into [height, width] floats.
using SliceReader = std::function<void(std::int64_t slice, float* values)>;

/// One slice of the volume with the volume's intensities augmented: gamma, bias field, blur, ghosting. As if
/// the whole volume had been. All operations after gamma and bias are linear and separable, so along z they
/// are one weight per source slice; only slices with a weight are read.
void augment_slice(const Augmentation& augmentation, const SliceShape& shape, std::int64_t slice,
                   const SliceReader& read, float* values);

/// Then flip, elastic deformation and inverted contrast, of the slice and of its mask alike.
void transform_slice(const Augmentation& augmentation, const SliceShape& shape, float* image,
                     std::uint8_t* mask);

}  // namespace gyrus
