#pragma once

#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "trainer/evaluation/options.hpp"

namespace gyrus {

/// Whether the sets can be evaluated as the options ask, from the manifest alone, before anything is
/// computed.
/// @throws DataError naming set and patient: a threshold set without lesions, a labelled patient whose lesion
/// mask is empty or covers the whole brain, a healthy set with lesions, voxels of different sizes.
/// ConfigError: no such set
void check_sets(const Dataset& dataset, const EvaluationOptions& options);

/// The same for one set that has lesions.
void check_labelled_set(const std::string& set, const std::vector<VolumeInfo>& volumes);
/// The same for one set that has none.
void check_healthy_set(const std::string& set, const std::vector<VolumeInfo>& volumes);
/// Volumes of several sets that are post-processed alike.
void check_one_grid(const std::vector<VolumeInfo>& volumes);

}  // namespace gyrus
