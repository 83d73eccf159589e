#include "data/source/cohort.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <set>

#include "data/source/table.hpp"
#include "launch/error.hpp"

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

Table table_of(const SourceOptions& source) {
  if (!source.table.empty()) return Table::read(std::filesystem::path(source.folder) / source.table);
  std::vector<std::vector<std::string>> rows;
  for (const auto& subject : source.subjects) rows.push_back({subject});
  return Table("of subjects", {"subject"}, std::move(rows));
}

std::map<std::string, double> ages_of(const SourceOptions& source, const std::string& wanted_by) {
  std::map<std::string, double> ages;
  if (source.age_table.empty()) return ages;
  const auto table = Table::read(std::filesystem::path(source.folder) / source.age_table);
  table.check_columns({source.age_id_column, source.age_column}, wanted_by);
  for (std::size_t row = 0; row < table.num_rows(); ++row) {
    const std::string& text = table.value(row, source.age_column);
    double age = unknown;
    std::from_chars(text.data(), text.data() + text.size(), age);  // an empty or odd field: unknown
    ages[table.value(row, source.age_id_column)] = age;
  }
  return ages;
}

void check_set_name(const std::string& set, const std::string& where) {
  const bool plain = !set.empty() && std::all_of(set.begin(), set.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
  });
  if (!plain)
    throw DataError(fmt::format("{} gives the set name '{}'; use letters, digits, _ and -", where, set));
}

/// Remembers what was seen of a source, to refuse volumes listed twice and subjects in two sets.
class DuplicateCheck {
 public:
  void add(const CohortEntry& entry, const std::string& place) {
    if (const auto [seen, is_new] = volumes_.try_emplace(entry.set + "/" + entry.id, place); !is_new) {
      throw DataError(
          fmt::format("{} is listed twice in set {}: {} and {}", entry.id, entry.set, seen->second, place));
    }
    const auto [seen, is_new] = subjects_.try_emplace(entry.subject, entry.set, place);
    if (!is_new && seen->second.first != entry.set) {
      throw DataError(fmt::format("subject {} is in two sets: {} ({}) and {} ({})", entry.subject,
                                  seen->second.first, seen->second.second, entry.set, place));
    }
  }

 private:
  std::map<std::string, std::string> volumes_;
  std::map<std::string, std::pair<std::string, std::string>> subjects_;
};

void list_source(const std::string& name, const SourceOptions& source, std::vector<ListedEntry>& rows) {
  const std::filesystem::path folder = source.folder;
  if (!std::filesystem::is_directory(folder)) {
    throw DataError(fmt::format("data.source.{}.folder {} is not a folder", name, folder.string()));
  }
  if (std::filesystem::is_empty(folder)) {
    throw DataError(fmt::format("data.source.{}.folder {} is empty", name, folder.string()));
  }
  const std::string wanted_by = "data.source." + name;
  const auto table = table_of(source);
  std::vector<std::string> columns;
  for (const auto* pattern :
       {&source.subject, &source.id, &source.set, &source.image, &source.mask, &source.lesion}) {
    for (auto& column : columns_of_pattern(*pattern)) columns.push_back(std::move(column));
  }
  table.check_columns(columns, wanted_by);
  const auto ages = ages_of(source, wanted_by);
  for (std::size_t row = 0; row < table.num_rows(); ++row) {
    const auto path_of = [&](const std::string& pattern) {
      return pattern.empty() ? std::filesystem::path() : folder / table.expand(pattern, row);
    };
    const auto age = ages.find(source.age_table.empty() ? "" : table.expand(source.age_key, row));
    CohortEntry entry{.set = table.expand(source.set, row),
                      .id = table.expand(source.id, row),
                      .subject = table.expand(source.subject, row),
                      .age = age == ages.end() ? unknown : age->second,
                      .site = {},
                      .label = source.lesion.empty() ? 0 : 1,
                      .image = path_of(source.image),
                      .mask = path_of(source.mask),
                      .lesion = path_of(source.lesion)};
    const std::string place = fmt::format("{} line {}", table.name(), table.line_of(row));
    check_set_name(entry.set, place);
    rows.push_back({std::move(entry), name, place});
  }
}

/// Evaluation on a brain that was trained on says nothing; two test sets may share subjects.
void check_leakage(const std::vector<ListedEntry>& rows) {
  std::set<std::string> trained_on;
  for (const auto& row : rows) {
    if (row.entry.set == "train") trained_on.insert(row.entry.subject);
  }
  for (const auto& [entry, source, place] : rows) {
    if (entry.set != "train" && trained_on.contains(entry.subject)) {
      throw DataError(fmt::format("subject {} is in two sets: train and {}", entry.subject, entry.set));
    }
  }
}

}  // namespace

std::vector<ListedEntry> list_entries(const DataOptions& options) {
  std::vector<ListedEntry> rows;
  if (options.kind == "phantom") {
    list_phantoms(options.phantom, rows);
    return rows;
  }
  for (const auto& name : options.sources) list_source(name, options.source.at(name), rows);
  return rows;
}

std::vector<ListedEntry> without(std::vector<ListedEntry> rows, const std::vector<Exclusion>& exclusions,
                                 const std::filesystem::path& file) {
  for (const Exclusion& exclusion : exclusions) {
    const auto found = std::find_if(rows.rbegin(), rows.rend(), [&](const ListedEntry& row) {
      return row.source == exclusion.source && row.entry.set == exclusion.set && row.entry.id == exclusion.id;
    });
    if (found == rows.rend())
      throw DataError(fmt::format(
          "{} line {} leaves out {} of set {}, which source '{}' does not list (so often): delete the line",
          file.string(), exclusion.line, exclusion.id, exclusion.set, exclusion.source));
    rows.erase(std::next(found).base());
  }
  return rows;
}

std::vector<CohortEntry> list_cohort(const DataOptions& options) {
  const auto rows = without(list_entries(options), read_exclusions(options.root),
                            std::filesystem::path(options.root) / exclusions_file);
  std::map<std::string, DuplicateCheck> duplicates;  // of each source
  for (const auto& row : rows) duplicates[row.source].add(row.entry, row.place);
  check_leakage(rows);
  std::vector<CohortEntry> entries;
  for (const auto& row : rows) entries.push_back(row.entry);
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
