#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "data/volume.hpp"

namespace gyrus {

/// What folds may be balanced by.
struct SubjectTraits {
  double age = 0.0;  // years; NaN when unknown
  std::string site;  // empty when unknown
};

/// The options data.folds, fold, fold_seed and fold_strata.
struct Division {
  std::int64_t folds = 1;
  std::int64_t fold = 0;
  std::int64_t seed = 1;
  std::vector<std::string> strata;  // out of age, site; their order does not matter
};

/// Subjects of the fold: each of `subjects` is in exactly one fold, and the folds' sizes differ by at most
/// one. With `site` among the strata that holds for the subjects of each site, with `age` for each third of
/// the ages (of the site, with both), and any `folds` neighbours in age inside such a third are in different
/// folds; subjects without age or site are a group of their own. Within that, chance decides.
/// Determinism: depends on the subjects, not on how they are listed, and on `division` alone.
/// @throws ConfigError when the fold is out of range, there are fewer subjects than folds, or nothing is
/// known of what they are to be balanced by
std::set<std::string> subjects_of_fold(const std::map<std::string, SubjectTraits>& subjects,
                                       const Division& division);

/// Healthy subjects of the sets train and val that may be divided anew: those with a healthy volume there,
/// and in no set with lesions (a lesion put into a healthy brain keeps that brain out of the training). Of
/// several ages and sites of a subject, the lowest and the first by name count.
std::map<std::string, SubjectTraits> dividable_subjects(const std::vector<VolumeInfo>& volumes);

/// Where a volume of the sets train and val belongs when `held_out` are the subjects of the fold: the healthy
/// ones of `dividable` subjects go to train or, held out, to val (to val_healthy where val has lesions); all
/// others stay.
std::string set_in_fold(const VolumeInfo& volume, const std::map<std::string, SubjectTraits>& dividable,
                        const std::set<std::string>& held_out, bool val_has_lesions);

}  // namespace gyrus
