#include "trainer/evaluation/set_checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "launch/error.hpp"

namespace gyrus {
namespace {

std::string grid_of(const VolumeInfo& volume) {
  return fmt::format("{}x{}x{} voxels of {:.4g}x{:.4g}x{:.4g} mm", volume.height, volume.width, volume.depth,
                     volume.spacing[0], volume.spacing[1], volume.spacing[2]);
}

bool on_one_grid(const VolumeInfo& a, const VolumeInfo& b) {
  constexpr double tolerance = 1e-3;  // of the edge of a voxel: headers are rounded
  for (int axis = 0; axis < 3; ++axis)
    if (!(std::abs(a.spacing[axis] - b.spacing[axis]) <= tolerance * a.spacing[axis])) return false;
  return a.depth == b.depth && a.height == b.height && a.width == b.width;
}

}  // namespace

void check_labelled_set(const std::string& set, const std::vector<VolumeInfo>& volumes) {
  if (std::ranges::all_of(volumes, [](const auto& volume) { return volume.label == 0; }))
    throw DataError(fmt::format(
        "the set {} has no lesions, so no threshold can be found or tested on it; name labelled sets "
        "in evaluation.threshold_sets and evaluation.test_sets, and healthy ones in "
        "evaluation.healthy_sets",
        set));
  for (const VolumeInfo& volume : volumes) {
    if (volume.label == 0) continue;
    const std::int64_t lesion = volume.lesion_voxels, brain = volume.brain_voxels;
    if (lesion == 0)
      throw DataError(
          fmt::format("patient {} of the set {} is labelled as having a lesion, but no voxel of its lesion "
                      "mask is set (after cropping to data.image_size); take it out of the set's table",
                      volume.id, set));
    if (lesion >= brain)
      throw DataError(fmt::format(
          "the lesion mask of patient {} of the set {} has {} voxels, its brain mask {}: all of the "
          "brain cannot be a lesion; check whether the masks are exchanged or inverted",
          volume.id, set, lesion, brain));
  }
}

void check_healthy_set(const std::string& set, const std::vector<VolumeInfo>& volumes) {
  for (const VolumeInfo& volume : volumes)
    if (volume.label != 0)
      throw DataError(fmt::format(
          "patient {} of the set {} has a lesion; evaluation.healthy_sets and the threshold sets of "
          "evaluation.threshold=healthy name sets without any",
          volume.id, set));
}

void check_one_grid(const std::vector<VolumeInfo>& volumes) {
  for (const VolumeInfo& volume : volumes)
    if (!on_one_grid(volumes.front(), volume))
      throw DataError(
          fmt::format("{} of {} has {}, but {} of {} has {}: erosion, median and component limits would mean "
                      "different sizes; bring both to one grid before `gyrus prepare`",
                      volumes.front().id, volumes.front().set, grid_of(volumes.front()), volume.id,
                      volume.set, grid_of(volume)));
}

void check_sets(const Dataset& dataset, const EvaluationOptions& options) {
  std::vector<VolumeInfo> all;
  std::set<std::string> seen;
  const auto check = [&](const std::string& set, bool is_healthy) {
    const auto& volumes = dataset.volumes(set);
    (is_healthy ? check_healthy_set : check_labelled_set)(set, volumes);
    if (seen.insert(set).second) all.insert(all.end(), volumes.begin(), volumes.end());
  };
  for (const auto& set : options.threshold_sets) check(set, options.threshold == "healthy");
  for (const auto& set : options.test_sets) check(set, false);
  for (const auto& set : options.healthy_sets) check(set, true);
  check_one_grid(all);
}

}  // namespace gyrus
