#include "data/lint/list_checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "data/source/overlap.hpp"

namespace gyrus {
namespace {

using Rows = std::vector<ListedEntry>;
using Positions = std::vector<std::size_t>;

/// Rows by what `key` gives for them, in the order of their first ones.
template <class Key>
std::vector<Positions> grouped(const Rows& rows, const Key& key) {
  using Value = decltype(key(std::size_t{}));
  std::map<Value, std::size_t> place;
  std::vector<Positions> groups;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto [found, is_new] = place.try_emplace(key(i), groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].push_back(i);
  }
  return groups;
}

/// "train (split.csv line 2), val (split.csv line 3)"
std::string sets_and_places(const Rows& rows, const Positions& positions) {
  std::vector<std::string> texts;
  for (const std::size_t i : positions)
    texts.push_back(fmt::format("{} ({}, {})", rows[i].entry.set, rows[i].place,
                                rows[i].entry.image.filename().string()));
  return fmt::format("{}", fmt::join(texts, ", "));
}

/// What the preparation does about it when it is no error.
std::string by_policy(const char* option, const std::string& policy) {
  return policy == "fail" ? "" : fmt::format(" (data.{}={})", option, policy);
}

/// Whether two of the rows are in sets that may not share a brain.
bool is_divided(const Rows& rows, const Positions& positions) {
  return std::any_of(positions.begin(), positions.end(), [&](std::size_t i) {
    return std::any_of(positions.begin(), positions.end(),
                       [&](std::size_t j) { return do_conflict(rows[i], rows[j]); });
  });
}

void check_sets(const Rows& rows, const std::string& policy, std::vector<Finding>& findings) {
  for (const auto& positions : grouped(rows, [&](std::size_t i) { return rows[i].entry.subject; })) {
    if (!is_divided(rows, positions)) continue;
    Positions trains;
    for (const std::size_t i : positions)
      if (rows[i].entry.set == "train") trains.push_back(i);
    findings.push_back({Check::two_sets, policy == "fail",
                        fmt::format("subject {}: {}{}", rows[positions.front()].entry.subject,
                                    sets_and_places(rows, positions), by_policy("leakage", policy)),
                        positions, policy == "keep" ? Positions{} : trains});
  }
}

bool same_content(const CohortEntry& a, const CohortEntry& b) {
  return a.subject == b.subject && a.image == b.image && a.mask == b.mask && a.lesion == b.lesion &&
         a.lesion_labels == b.lesion_labels;
}

std::vector<Positions> grouped_by_name(const Rows& rows) {
  return grouped(
      rows, [&](std::size_t i) { return std::tuple(rows[i].source, rows[i].entry.set, rows[i].entry.id); });
}

bool are_equal(const Rows& rows, const Positions& positions) {
  const CohortEntry& first = rows[positions.front()].entry;
  return std::all_of(positions.begin(), positions.end(),
                     [&](std::size_t i) { return same_content(first, rows[i].entry); });
}

void check_names(const Rows& rows, const std::string& policy, std::vector<Finding>& findings) {
  const auto name = [&](std::size_t i) { return std::pair(rows[i].entry.set, rows[i].entry.id); };
  for (const auto& positions : grouped(rows, name)) {
    if (positions.size() == 1) continue;
    const bool is_safe = are_equal(rows, positions);
    findings.push_back(
        {Check::listed_twice, policy == "fail",
         fmt::format("{}{}: {}{}", rows[positions.front()].entry.id,
                     is_safe ? "" : ", with other files or subjects", sets_and_places(rows, positions),
                     by_policy("duplicates", policy)),
         positions,
         is_safe && policy != "keep" ? Positions(positions.begin() + 1, positions.end()) : Positions{}});
  }
}

void check_bytes(const Rows& rows, const std::vector<VolumeFacts>& facts, std::vector<Finding>& findings) {
  for (const auto& positions : grouped(rows, [&](std::size_t i) { return facts[i].digest; })) {
    if (!facts[positions.front()].digest) continue;
    std::map<std::pair<std::string, std::string>, std::size_t> images;  // subject and file
    for (const std::size_t i : positions)
      images.try_emplace({rows[i].entry.subject, rows[i].entry.image.string()}, i);
    if (images.size() == 1) continue;
    std::vector<std::string> texts;
    for (const auto& [image, i] : images)
      texts.push_back(fmt::format("{} (subject {}, {})", image.second, image.first, rows[i].entry.set));
    // The same brain in training and test is leakage under another name.
    findings.push_back({Check::identical,
                        is_divided(rows, positions),
                        fmt::format("{}", fmt::join(texts, ", ")),
                        positions,
                        {}});
  }
}

void check_grids(const Rows& rows, const std::vector<VolumeFacts>& facts, std::vector<Finding>& findings) {
  std::map<std::string, std::map<std::string, std::size_t>> counts;
  std::map<std::string, std::size_t> totals;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (facts[i].grid.empty()) continue;
    ++counts[rows[i].source][facts[i].grid];
    ++totals[rows[i].source];
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (facts[i].grid.empty()) continue;
    const std::string& source = rows[i].source;
    const auto most = std::max_element(counts[source].begin(), counts[source].end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (facts[i].grid == most->first) continue;
    findings.push_back(
        {Check::uneven_grids,
         false,
         fmt::format("{} has {}; {} of the {} images of source {} have {}", rows[i].entry.image.string(),
                     facts[i].grid, most->second, totals[source], source, most->first),
         {i},
         {}});
  }
}

void check_traits(const Rows& rows, const std::vector<std::string>& strata, std::vector<Finding>& findings) {
  for (const std::string& stratum : strata)
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const CohortEntry& entry = rows[i].entry;
      const bool is_divided = (entry.set == "train" || entry.set == "val") && entry.label == 0;
      const bool is_known = stratum == "age" ? !std::isnan(entry.age) : !entry.site.empty();
      if (is_divided && !is_known)
        findings.push_back({Check::unknown_traits,
                            false,
                            fmt::format("subject {} ({}): {} unknown", entry.subject, rows[i].place, stratum),
                            {i},
                            {}});
    }
}

}  // namespace

std::vector<Finding> check_list(const Rows& rows, const std::vector<VolumeFacts>& facts,
                                const DataOptions& options) {
  std::vector<Finding> findings;
  check_sets(rows, options.leakage, findings);
  check_names(rows, options.duplicates, findings);
  check_bytes(rows, facts, findings);
  check_grids(rows, facts, findings);
  check_traits(rows, options.fold_strata, findings);
  return findings;
}

std::vector<bool> have_clear_names(const Rows& rows) {
  std::vector<bool> result(rows.size());
  for (const auto& positions : grouped_by_name(rows))
    for (const std::size_t i : positions) result[i] = are_equal(rows, positions);
  return result;
}

}  // namespace gyrus
