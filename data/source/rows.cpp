#include "data/source/rows.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>

#include "data/source/scan.hpp"
#include "launch/error.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

std::string upper_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

/// `pattern` with {modality} and {MODALITY} filled in.
std::string with_modality(std::string pattern, const std::string& modality) {
  for (const auto& [name, value] : {std::pair{std::string("{modality}"), modality},
                                    std::pair{std::string("{MODALITY}"), upper_case(modality)}}) {
    for (std::size_t at = pattern.find(name); !modality.empty() && at != std::string::npos;
         at = pattern.find(name, at + value.size()))
      pattern.replace(at, name.size(), value);
  }
  return pattern;
}

Table listed_rows(const SourceOptions& source, const std::string& modality, const std::string& wanted_by) {
  const std::filesystem::path folder = source.folder;
  if (!source.table.empty()) return Table::read(folder / source.table);
  if (!source.scan.empty()) return scan_folder(folder, with_modality(source.scan, modality), wanted_by);
  std::vector<std::vector<std::string>> rows;
  for (const auto& subject : source.subjects) rows.push_back({subject});
  return Table("subject", {"subject"}, std::move(rows));
}

/// Adds the named parts of `extract` as columns.
void extract_columns(const SourceOptions& source, const std::string& wanted_by, Table& rows) {
  std::map<std::string, std::vector<std::string>> columns;
  for (std::size_t row = 0; row < rows.num_rows(); ++row) {
    const std::string text = rows.expand(source.extract_from, row);
    NamedParts parts;
    if (!match_pattern(source.extract, text, parts))
      throw DataError(fmt::format("{}: '{}' is not as {}.extract='{}'", rows.place(row), text, wanted_by,
                                  source.extract));
    for (auto& [name, value] : parts) columns[name].push_back(std::move(value));
  }
  for (auto& [name, values] : columns) {
    if (rows.has_column(name))
      throw DataError(
          fmt::format("{}.extract has the part {{{}}}, which table {} has as a column; name it otherwise",
                      wanted_by, name, rows.name()));
    rows.add_column(name, std::move(values));
  }
}

/// Keys that are whole numbers are equal as numbers: 007 is 7.
std::string comparable(const std::string& key) {
  const bool is_number =
      !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) { return std::isdigit(c); });
  return is_number ? key.substr(std::min(key.find_first_not_of('0'), key.size() - 1)) : key;
}

/// Columns of the joined table that the source's patterns use.
std::vector<std::string> used_columns(const SourceOptions& source, const Table& rows, const Table& joined) {
  std::vector<std::string> used;
  for (const auto& [option, pattern] : source.volume_patterns())
    for (const auto& column : columns_of_pattern(*pattern))
      if (!rows.has_column(column) && joined.has_column(column)) used.push_back(column);
  return used;
}

/// The row of the joined table for each of `rows`: the first of several, which is said when they differ.
std::vector<std::optional<std::size_t>> joined_rows(const SourceOptions& source, const Table& rows,
                                                    const Table& joined) {
  const auto used = used_columns(source, rows, joined);
  std::map<std::string, std::size_t> row_of;
  std::set<std::string> ambiguous;
  for (std::size_t row = 0; row < joined.num_rows(); ++row) {
    const std::string key = comparable(joined.value(row, source.join_column));
    const auto [first, is_new] = row_of.try_emplace(key, row);
    const bool is_same = is_new || std::all_of(used.begin(), used.end(), [&](const auto& column) {
                           return joined.value(row, column) == joined.value(first->second, column);
                         });
    if (!is_same) ambiguous.insert(key);
  }
  if (!ambiguous.empty())
    log::warning("table {} has several rows with different {} for {} of its {}, the first of each counts: {}",
                 joined.name(), fmt::join(used, ", "), ambiguous.size(), source.join_column,
                 fmt::join(ambiguous, ", "));
  std::vector<std::optional<std::size_t>> found;
  for (std::size_t row = 0; row < rows.num_rows(); ++row) {
    const auto entry = row_of.find(comparable(rows.expand(source.join_key, row)));
    found.push_back(entry == row_of.end() ? std::nullopt : std::optional(entry->second));
  }
  return found;
}

void join_columns(const SourceOptions& source, const std::string& wanted_by, Table& rows) {
  const auto joined = Table::read(std::filesystem::path(source.folder) / source.join);
  joined.check_columns({source.join_column}, wanted_by + ".join_column");
  const auto found = joined_rows(source, rows, joined);
  const auto missing = static_cast<std::size_t>(std::count(found.begin(), found.end(), std::nullopt));
  const auto first =
      static_cast<std::size_t>(std::find(found.begin(), found.end(), std::nullopt) - found.begin());
  if (missing == found.size() || (missing > 0 && source.join_missing == "fail"))
    throw DataError(fmt::format("{}.join: {} has no row with {} '{}' for {}{}", wanted_by, joined.name(),
                                source.join_column, rows.expand(source.join_key, first), rows.place(first),
                                missing == 1 ? "" : fmt::format(", nor for {} others", missing - 1)));
  for (const auto& column : joined.columns()) {
    if (rows.has_column(column)) continue;
    std::vector<std::string> values;
    for (const auto& row : found) values.push_back(row ? joined.value(*row, column) : "");
    rows.add_column(column, std::move(values));
  }
  if (missing == 0 || source.join_missing != "drop") return;
  log::info("{}: {} of {} rows are left out, which {} does not have", wanted_by, missing, found.size(),
            joined.name());
  std::vector<bool> keep;
  for (const auto& row : found) keep.push_back(row.has_value());
  rows.filter(keep);
}

}  // namespace

Table rows_of(const SourceOptions& source, const std::string& modality, const std::string& wanted_by) {
  auto rows = listed_rows(source, modality, wanted_by);
  for (const auto& [name, value] :
       {std::pair{"modality", modality}, std::pair{"MODALITY", upper_case(modality)}})
    if (!modality.empty() && !rows.has_column(name))
      rows.add_column(name, std::vector<std::string>(rows.num_rows(), value));
  const auto check = [&](const std::string& pattern) {
    rows.check_columns(columns_of_pattern(pattern), wanted_by);
  };
  if (!source.extract.empty()) {
    check(source.extract_from);
    extract_columns(source, wanted_by, rows);
  }
  if (!source.join.empty()) {
    check(source.join_key);
    join_columns(source, wanted_by, rows);
  }
  return rows;
}

}  // namespace gyrus
