#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "data/volume.hpp"

namespace gyrus {

/// Subjects of fold `fold` of `folds`: each of `subjects` is in exactly one fold, and the folds' sizes differ
/// by at most one. Determinism: depends on the set of names, `folds`, `fold` and `seed` alone.
/// @throws ConfigError when `fold` is out of range or there are fewer subjects than folds
std::set<std::string> subjects_of_fold(const std::set<std::string>& subjects, std::int64_t folds,
                                       std::int64_t fold, std::int64_t seed);

/// Healthy subjects of the sets train and val that may be divided anew: those with a healthy volume there,
/// and in no set with lesions (a lesion put into a healthy brain keeps that brain out of the training).
std::set<std::string> dividable_subjects(const std::vector<VolumeInfo>& volumes);

/// Where a volume of the sets train and val belongs when `held_out` are the subjects of the fold: the healthy
/// ones of `dividable` subjects go to train or, held out, to val (to val_healthy where val has lesions); all
/// others stay.
std::string set_in_fold(const VolumeInfo& volume, const std::set<std::string>& dividable,
                        const std::set<std::string>& held_out, bool val_has_lesions);

}  // namespace gyrus
