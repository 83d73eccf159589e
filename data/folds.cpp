#include "data/folds.hpp"

#include <fmt/format.h>

#include "data/random.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

bool is_training_or_validation(const VolumeInfo& volume) {
  return volume.set == "train" || volume.set == "val";
}

}  // namespace

std::set<std::string> subjects_of_fold(const std::set<std::string>& subjects, std::int64_t folds,
                                       std::int64_t fold, std::int64_t seed) {
  if (fold < 0 || fold >= folds)
    throw ConfigError(
        fmt::format("data.fold is {}, but data.folds={} has the folds 0 to {}", fold, folds, folds - 1));
  if (static_cast<std::int64_t>(subjects.size()) < folds)
    throw ConfigError(fmt::format(
        "data.folds is {}, but train and val have only {} healthy subjects to divide; give fewer folds",
        folds, subjects.size()));
  std::set<std::string> chosen;
  std::uint64_t index = 0;
  for (const std::string& subject : subjects) {
    const std::uint64_t place =
        permuted(index++, subjects.size(), static_cast<std::uint64_t>(seed), Stream::folds, 0);
    if (place % static_cast<std::uint64_t>(folds) == static_cast<std::uint64_t>(fold)) chosen.insert(subject);
  }
  return chosen;
}

std::set<std::string> dividable_subjects(const std::vector<VolumeInfo>& volumes) {
  std::set<std::string> subjects;
  for (const VolumeInfo& volume : volumes)
    if (is_training_or_validation(volume) && volume.label == 0) subjects.insert(volume.subject);
  for (const VolumeInfo& volume : volumes)
    if (volume.label != 0) subjects.erase(volume.subject);
  return subjects;
}

std::string set_in_fold(const VolumeInfo& volume, const std::set<std::string>& dividable,
                        const std::set<std::string>& held_out, bool val_has_lesions) {
  if (!is_training_or_validation(volume) || volume.label != 0 || !dividable.contains(volume.subject))
    return volume.set;
  if (!held_out.contains(volume.subject)) return "train";
  return val_has_lesions ? "val_healthy" : "val";
}

}  // namespace gyrus
