#include "data/source/overlap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "launch/error.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

/// Takes out the entries marked in `dropped` (by index, with what is said of each) and says so, once.
void drop(const std::map<std::size_t, std::string>& dropped, const std::string& what,
          std::vector<ListedEntry>& entries) {
  if (dropped.empty()) return;
  constexpr std::size_t max_named = 20;
  std::string names;
  std::size_t num_named = 0;
  for (const auto& [index, reason] : dropped)
    if (num_named++ < max_named) names += fmt::format("\n  {}: {}", entries[index].entry.id, reason);
  if (dropped.size() > max_named) names += fmt::format("\n  and {} more", dropped.size() - max_named);
  log::warning("{}: {} volume{} taken out of the lists:{}", what, dropped.size(),
               dropped.size() == 1 ? " is" : "s are", names);
  std::vector<ListedEntry> kept;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (!dropped.contains(i)) kept.push_back(std::move(entries[i]));
  entries = std::move(kept);
}

/// What a set is for: 0 training, 1 the choice of something, 2 evaluation.
int purpose(const std::string& set) {
  if (set == "train") return 0;
  return set == "val" || set.ends_with("_val") ? 1 : 2;
}

}  // namespace

bool do_conflict(const ListedEntry& a, const ListedEntry& b) {
  const auto &first = a.entry.set, &second = b.entry.set;
  if (first == second) return false;
  const auto are = [&](const char* one, const char* other) {
    return (first == one && second == other) || (first == other && second == one);
  };
  return a.source == b.source || first == "train" || second == "train" || are("val", "test");
}

void settle_duplicates(const std::string& policy, std::vector<ListedEntry>& entries) {
  std::map<std::pair<std::string, std::string>, std::string> places;  // of (set, id)
  std::map<std::size_t, std::string> dropped;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto& [entry, source, place] = entries[i];
    const auto [seen, is_new] = places.try_emplace({entry.set, entry.id}, place);
    if (is_new) continue;
    if (policy == "fail")
      throw DataError(
          fmt::format("{} is listed twice in set {}: {} and {}; list it once, give one another id, or "
                      "data.duplicates=drop",
                      entry.id, entry.set, seen->second, place));
    if (policy == "drop") {
      dropped[i] = fmt::format("is in {} twice, {} and {}", entry.set, seen->second, place);
      continue;
    }
    const std::string id = entry.id;
    for (int number = 2; !places.try_emplace({entry.set, entry.id}, place).second; ++number)
      entry.id = fmt::format("{}-{}", id, number);
  }
  drop(dropped, "data.duplicates=drop", entries);
}

void settle_leakage(const std::string& policy, std::vector<ListedEntry>& entries) {
  if (policy == "keep") return;
  std::map<std::string, std::vector<std::size_t>> of_subject;
  for (std::size_t i = 0; i < entries.size(); ++i) of_subject[entries[i].entry.subject].push_back(i);
  std::map<std::size_t, std::string> dropped;
  for (const auto& [subject, indices] : of_subject) {
    for (const std::size_t i : indices) {
      for (const std::size_t j : indices) {
        const auto &one = entries[i], &other = entries[j];
        if (!do_conflict(one, other)) continue;
        if (policy == "fail")
          throw DataError(
              fmt::format("subject {} is in two sets: {} ({}) and {} ({}); list it in one, give "
                          "data.leakage=drop, or, when these "
                          "are two people, name them apart by the sources' pattern `subject`",
                          subject, one.entry.set, one.place, other.entry.set, other.place));
        const int mine = purpose(one.entry.set), others = purpose(other.entry.set);
        if (mine < others || (mine == others && j < i))
          dropped.try_emplace(i, fmt::format("is in {} and in {}", one.entry.set, other.entry.set));
      }
    }
  }
  drop(dropped, "data.leakage=drop", entries);
}

}  // namespace gyrus
