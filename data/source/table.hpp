#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gyrus {

/// A table with one header line, its fields separated by commas or, in a .tsv file, by tabs (BIDS; n/a is an
/// empty field). Fields of a comma-separated table may be quoted; empty lines are skipped. Lines end as any
/// system ends them.
class Table {
 public:
  /// @throws DataError: missing, no text in UTF-8, a quote that is not closed or inside a field, a column
  /// twice, a row with another number of fields, and without `may_be_empty` no rows
  static Table read(const std::filesystem::path& path, bool may_be_empty = false);
  /// A table made in memory; `name` stands for the path in messages.
  Table(std::string name, std::vector<std::string> columns, std::vector<std::vector<std::string>> rows);

  std::size_t num_rows() const { return rows_.size(); }
  /// Of the row, for messages: file and line, or the first field of a row made in memory.
  std::string place(std::size_t row) const;
  const std::string& name() const { return name_; }
  const std::vector<std::string>& columns() const { return columns_; }

  bool has_column(const std::string& column) const;
  /// @throws DataError naming every column of `columns` that is missing
  void check_columns(const std::vector<std::string>& columns, const std::string& wanted_by) const;
  const std::string& value(std::size_t row, const std::string& column) const;

  /// Replaces every {column} of `pattern`, once. @throws DataError naming a missing column
  std::string expand(const std::string& pattern, std::size_t row) const;

  /// Adds a column. @pre a value per row, and no such column yet
  void add_column(const std::string& column, std::vector<std::string> values);
  /// Keeps the rows for which `keep` is true. @pre one per row
  void filter(const std::vector<bool>& keep);

 private:
  std::string name_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> lines_;  // 0: made in memory
};

/// The names in braces of a pattern.
std::vector<std::string> columns_of_pattern(const std::string& pattern);

}  // namespace gyrus
