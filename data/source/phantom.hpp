#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "data/options.hpp"
#include "data/source/grid.hpp"

namespace gyrus {

/// A generated brain before intensities are rescaled.
struct PhantomBrain {
  Grid<float> image;
  Grid<std::uint8_t> mask;
  Grid<std::uint8_t> lesion;
};

/// Parts of the generated cohort; only val and test have lesions.
enum class PhantomSet : std::uint64_t { train = 0, val = 1, test = 2 };

/// The brain of one subject: pose, folded cortex, deep grey matter, ventricles, texture, lesions, bias field,
/// noise. A function of (seed, set, subject, voxel) alone.
/// @param size  voxels along x, y, z of the box [-1,1] x [-1,1] x [-0.45,0.45]
PhantomBrain make_phantom(const std::array<std::int64_t, 3>& size, std::uint64_t seed, PhantomSet set,
                          std::uint64_t subject);

}  // namespace gyrus
