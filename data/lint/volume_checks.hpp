#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/lint/finding.hpp"
#include "data/prepare/source_digests.hpp"
#include "data/source/cohort.hpp"
#include "data/source/nifti.hpp"

namespace gyrus {

/// What is seen of a volume by reading its files, whatever else is listed.
struct VolumeFacts {
  std::vector<Finding> findings;        // without rows
  std::optional<std::uint64_t> digest;  // of the image's bytes; not known when they cannot be read
  std::string grid;                     // "6x6x4 voxels of 1x1x1 mm, LPS"; empty when not known
};

/// A mask's Dice with the voxels of its image that are not 0 may rise by so much when it is mirrored in x;
/// more hints at left and right exchanged. Brains are nearly symmetric, and masks are not that wrong.
inline constexpr double max_mirror_gain = 0.05;
/// Less of the mask than that on voxels that are not 0: it belongs to another image, or elsewhere.
inline constexpr double min_mask_share = 0.5;
/// More of the lesion than that outside the brain mask is an error, less a warning.
inline constexpr double max_lesion_share_outside = 0.5;

/// Dice of `mask` and of its mirror image along x with the voxels of `image` that are not 0.
struct MirrorScores {
  double as_it_is = 0.0;
  double mirrored = 0.0;
};
/// @pre equal sizes
MirrorScores mirror_scores(const Grid<float>& mask, const Grid<float>& image);

/// Reads image, mask and lesion as the preparation would; nothing of a generated volume. Thread safety: any
/// number of threads.
VolumeFacts check_volume(const CohortEntry& entry, bool reorient, SourceDigests& digests);

}  // namespace gyrus
