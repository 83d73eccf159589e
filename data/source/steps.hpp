#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "data/options.hpp"
#include "data/source/grid.hpp"
#include "data/volume.hpp"

namespace gyrus {

/// Image, brain mask and lesion label on one grid.
struct Triple {
  Grid<float> image;
  Grid<std::uint8_t> mask, lesion;
  std::array<double, 3> spacing{};  // mm along the grid's axes
  Affine affine{};
};

/// The names that `data.steps` may have.
std::vector<std::string> step_names();

/// Each step at most once, `centre` and `rescale` always, in an order that can be done, and no option of a
/// step that is not there. @throws ConfigError
void check_steps(const DataOptions& options);

/// Whether this build has what the steps need; not asked of data sets that are prepared already.
/// @throws NotBuiltError
void check_steps_are_built(const DataOptions& options);

/// Does `steps` one after the other, then `data.clip`.
/// @param name  of the volume, for messages
/// @throws DataError: nothing of the brain is left, a constant brain, absurd voxel sizes, an unreadable
/// reference or template, a failed registration. NotBuiltError
void run_steps(const std::vector<std::string>& steps, const DataOptions& options, const std::string& name,
               Triple& triple);

}  // namespace gyrus
