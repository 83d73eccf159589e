#include "data/source/cohort.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

#include "data/source/overlap.hpp"
#include "data/source/rows.hpp"
#include "data/source/split.hpp"
#include "launch/error.hpp"
#include "launch/utf8.hpp"

namespace gyrus {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

void list_phantoms(const PhantomOptions& options, std::vector<ListedEntry>& rows) {
  const std::pair<const char*, std::int64_t> sets[] = {
      {"train", options.train_subjects}, {"val", options.val_subjects}, {"test", options.test_subjects}};
  for (const auto& [set, count] : sets) {
    for (std::int64_t number = 0; number < count; ++number) {
      const std::string name = fmt::format("phantom-{}-{:04}", set, number);
      rows.push_back({{.set = set,
                       .id = name,
                       .subject = name,
                       .age = unknown,
                       .site = {},
                       .label = std::string_view(set) == "train" ? 0 : 1,
                       .image = {},
                       .mask = {},
                       .lesion = {},
                       .phantom_subject = static_cast<std::uint64_t>(number)},
                      {},
                      {}});
    }
  }
}

/// Empty and odd texts are unknown.
double age_of(const std::string& text) {
  double age = unknown;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), age);
  const bool is_age = problem == std::errc() && end == text.data() + text.size() && std::isfinite(age);
  return is_age ? age : unknown;
}

void check_set_name(const std::string& set, const std::string& where) {
  const bool plain = !set.empty() && std::all_of(set.begin(), set.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
  });
  if (!plain)
    throw DataError(fmt::format("{} gives the set name '{}'; use letters, digits, _ and -", where, set));
  std::string small = set;
  for (char& c : small) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* known : {"train", "val", "test"})
    if (small == known && set != known)
      throw DataError(fmt::format("{} gives the set name '{}'; the set is called {}", where, set, known));
}

void check_named(const CohortEntry& entry, const std::string& where, const std::string& wanted_by) {
  for (const auto& [option, text] : {std::pair("subject", entry.subject), std::pair("id", entry.id)})
    if (text.empty())
      throw DataError(
          fmt::format("{} gives an empty {}: fill it in, or change {}.{}", where, option, wanted_by, option));
}

void check_folder(const std::filesystem::path& folder, const std::string& wanted_by) {
  if (find_invalid_utf8(folder.string()) != std::string::npos)  // lists of digests and reports are JSON
    throw DataError(fmt::format("{}.folder {} is not in UTF-8: rename it, or lead a link there", wanted_by,
                                escape_invalid_utf8(folder.string())));
  std::error_code problem;
  if (!std::filesystem::is_directory(folder, problem)) {
    const bool is_absent = !problem || problem == std::errc::no_such_file_or_directory;
    throw DataError(fmt::format("{}.folder {} is not a folder{}", wanted_by, folder.string(),
                                is_absent ? "" : ": " + problem.message()));
  }
  if (std::filesystem::is_empty(folder, problem) && !problem)
    throw DataError(fmt::format("{}.folder {} is empty", wanted_by, folder.string()));
}

void check_columns(const SourceOptions& source, const Table& rows, const std::string& wanted_by) {
  std::vector<std::string> columns;
  for (const auto& [option, pattern] : source.volume_patterns()) {
    for (auto& column : columns_of_pattern(*pattern)) columns.push_back(std::move(column));
  }
  rows.check_columns(columns, wanted_by);
}

CohortEntry entry_of(const SourceOptions& source, const Table& rows, std::size_t row) {
  const std::filesystem::path folder = source.folder;
  const auto path_of = [&](const std::string& pattern) {
    const std::string name = rows.expand(pattern, row);
    return name.empty() ? std::filesystem::path() : folder / name;
  };
  const auto present = [&](const char* kind, std::filesystem::path path) {
    const bool may_be_absent =
        std::find(source.optional.begin(), source.optional.end(), kind) != source.optional.end();
    std::error_code problem;  // a file that is there but cannot be looked at is an error when it is read
    const bool is_absent = !std::filesystem::exists(path, problem) && !problem;
    return may_be_absent && is_absent ? std::filesystem::path() : std::move(path);
  };
  CohortEntry entry{.set = rows.expand(source.set, row),
                    .id = rows.expand(source.id, row),
                    .subject = rows.expand(source.subject, row),
                    .age = age_of(rows.expand(source.age, row)),
                    .site = rows.expand(source.site, row),
                    .label = 0,
                    .image = path_of(source.image.empty() ? "{file}" : source.image),
                    .mask = present("mask", path_of(source.mask)),
                    .lesion = present("lesion", path_of(source.lesion)),
                    .lesion_labels = source.lesion_labels};
  entry.label = entry.lesion.empty() ? 0 : 1;
  if (entry.image.empty()) throw DataError(fmt::format("{} names no image", rows.place(row)));
  return entry;
}

/// A wrong pattern must not make a whole cohort healthy.
void check_optional(const SourceOptions& source, const std::vector<CohortEntry>& entries,
                    const std::string& wanted_by) {
  for (const auto& kind : source.optional) {
    const auto& pattern = kind == "mask" ? source.mask : source.lesion;
    const bool is_nowhere = std::all_of(entries.begin(), entries.end(), [&](const auto& entry) {
      return (kind == "mask" ? entry.mask : entry.lesion).empty();
    });
    if (is_nowhere)
      throw DataError(fmt::format("{}: not one volume has a {} file as '{}'; name none if there are none",
                                  wanted_by, kind, pattern));
  }
}

void list_source(const std::string& name, const DataOptions& options, std::vector<ListedEntry>& listed) {
  const SourceOptions& source = options.source.at(name);
  const std::string wanted_by = "data.source." + name;
  check_folder(source.folder, wanted_by);
  const auto rows = rows_of(source, options.modality, wanted_by);
  check_columns(source, rows, wanted_by);
  std::vector<CohortEntry> entries;
  for (std::size_t row = 0; row < rows.num_rows(); ++row) {
    entries.push_back(entry_of(source, rows, row));
    check_named(entries.back(), rows.place(row), wanted_by);
  }
  check_optional(source, entries, wanted_by);
  if (source.val_share + source.test_share > 0.0) draw_sets(source, wanted_by, entries);
  for (std::size_t row = 0; row < rows.num_rows(); ++row) {
    check_set_name(entries[row].set, rows.place(row));
    listed.push_back({std::move(entries[row]), name, rows.place(row)});
  }
}

}  // namespace

std::vector<ListedEntry> list_entries(const DataOptions& options) {
  std::vector<ListedEntry> rows;
  if (options.kind == "phantom") {
    list_phantoms(options.phantom, rows);
    return rows;
  }
  for (const auto& name : options.sources) list_source(name, options, rows);
  return rows;
}

std::vector<ListedEntry> without(std::vector<ListedEntry> rows, const std::vector<Exclusion>& exclusions) {
  for (const Exclusion& exclusion : exclusions) {
    const auto found = std::find_if(rows.rbegin(), rows.rend(), [&](const ListedEntry& row) {
      return row.source == exclusion.source && row.entry.set == exclusion.set && row.entry.id == exclusion.id;
    });
    if (found == rows.rend())
      throw DataError(fmt::format(
          "{} leaves out {} of set {}, which source '{}' does not list (so often): delete the line",
          exclusion.place, exclusion.id, exclusion.set, exclusion.source));
    rows.erase(std::next(found).base());
  }
  return rows;
}

std::vector<CohortEntry> list_cohort(const DataOptions& options) {
  auto rows = without(list_entries(options), read_exclusions(options.root));
  settle_duplicates(options.duplicates, rows);
  settle_leakage(options.leakage, rows);
  std::vector<CohortEntry> entries;
  for (auto& row : rows) entries.push_back(std::move(row.entry));
  std::vector<std::string> sets;  // in order of appearance
  for (const auto& entry : entries) {
    if (std::find(sets.begin(), sets.end(), entry.set) == sets.end()) sets.push_back(entry.set);
  }
  std::stable_sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
    return std::find(sets.begin(), sets.end(), a.set) < std::find(sets.begin(), sets.end(), b.set);
  });
  return entries;
}

}  // namespace gyrus
