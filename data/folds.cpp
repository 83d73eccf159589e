#include "data/folds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <tuple>

#include "data/random.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

constexpr std::size_t age_ranges = 3;

bool is_training_or_validation(const VolumeInfo& volume) {
  return volume.set == "train" || volume.set == "val";
}

/// A subject with what decides its place; what is not among the strata is left unknown.
struct Candidate {
  std::string name;
  std::string site;
  double age;
  std::uint64_t key;  // of chance; no two are equal

  bool has_age() const { return !std::isnan(age); }
};

void order_by_chance(std::span<Candidate> candidates) {
  std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
}

/// Subjects of one site, sorted by age: thirds of them, and in these groups of as many neighbours as there
/// are folds, each group in random order. Those without age come last.
void order_site(std::span<Candidate> site, std::size_t folds) {
  const auto unknown = std::find_if(site.begin(), site.end(), [](const auto& c) { return !c.has_age(); });
  const auto num_known = static_cast<std::size_t>(unknown - site.begin());
  for (std::size_t range = 0; range < age_ranges; ++range) {
    const std::size_t end = (range + 1) * num_known / age_ranges;
    for (std::size_t first = range * num_known / age_ranges; first < end; first += folds)
      order_by_chance(site.subspan(first, std::min(folds, end - first)));
  }
  order_by_chance(site.subspan(num_known));
}

std::vector<Candidate> candidates_of(const std::map<std::string, SubjectTraits>& subjects,
                                     const Division& division) {
  const auto balances = [&](const char* stratum) {
    return std::find(division.strata.begin(), division.strata.end(), stratum) != division.strata.end();
  };
  const bool by_age = balances("age"), by_site = balances("site");
  std::vector<Candidate> candidates;
  for (const auto& [name, traits] : subjects)
    candidates.push_back({name, by_site ? traits.site : "", by_age ? traits.age : std::nan(""),
                          permuted(candidates.size(), subjects.size(),
                                   static_cast<std::uint64_t>(division.seed), Stream::folds, 0)});
  const auto check = [&](const char* stratum, auto is_known) {
    if (std::none_of(candidates.begin(), candidates.end(), is_known))
      throw ConfigError(fmt::format(
          "data.fold_strata has {0}, but the {0} of none of the {1} healthy subjects of train "
          "and val is known; give the sources their {0}s and run `gyrus prepare`, or leave it out",
          stratum, candidates.size()));
  };
  if (by_age) check("age", [](const auto& c) { return c.has_age(); });
  if (by_site) check("site", [](const auto& c) { return !c.site.empty(); });
  return candidates;
}

}  // namespace

std::set<std::string> subjects_of_fold(const std::map<std::string, SubjectTraits>& subjects,
                                       const Division& division) {
  const auto [folds, fold, seed, strata] = division;
  if (fold < 0 || fold >= folds)
    throw ConfigError(
        fmt::format("data.fold is {}, but data.folds={} has the folds 0 to {}", fold, folds, folds - 1));
  if (static_cast<std::int64_t>(subjects.size()) < folds)
    throw ConfigError(fmt::format(
        "data.folds is {}, but train and val have only {} healthy subjects to divide; give fewer folds",
        folds, subjects.size()));
  auto candidates = candidates_of(subjects, division);
  std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    if (a.site != b.site) return a.site < b.site;
    if (a.has_age() != b.has_age()) return a.has_age();
    return a.has_age() && a.age != b.age ? a.age < b.age : a.key < b.key;
  });
  for (auto first = candidates.begin(); first != candidates.end();) {
    const auto last =
        std::find_if(first, candidates.end(), [&](const auto& c) { return c.site != first->site; });
    order_site({first, last}, static_cast<std::size_t>(folds));
    first = last;
  }
  // Dealt like cards, on and on: of any run of neighbours, every fold gets the same number, or one more.
  std::set<std::string> chosen;
  for (auto i = static_cast<std::size_t>(fold); i < candidates.size(); i += static_cast<std::size_t>(folds))
    chosen.insert(candidates[i].name);
  return chosen;
}

std::map<std::string, SubjectTraits> dividable_subjects(const std::vector<VolumeInfo>& volumes) {
  std::map<std::string, SubjectTraits> subjects;
  for (const VolumeInfo& volume : volumes) {
    if (!is_training_or_validation(volume) || volume.label != 0) continue;
    const auto entry = subjects.try_emplace(volume.subject, SubjectTraits{volume.age, volume.site});
    SubjectTraits& traits = entry.first->second;
    traits.age = std::fmin(traits.age, volume.age);  // of a number and NaN: the number
    if (traits.site.empty() || (!volume.site.empty() && volume.site < traits.site)) traits.site = volume.site;
  }
  for (const VolumeInfo& volume : volumes)
    if (volume.label != 0) subjects.erase(volume.subject);
  return subjects;
}

std::string set_in_fold(const VolumeInfo& volume, const std::map<std::string, SubjectTraits>& dividable,
                        const std::set<std::string>& held_out, bool val_has_lesions) {
  if (!is_training_or_validation(volume) || volume.label != 0 || !dividable.contains(volume.subject))
    return volume.set;
  if (!held_out.contains(volume.subject)) return "train";
  return val_has_lesions ? "val_healthy" : "val";
}

}  // namespace gyrus
