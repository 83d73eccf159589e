#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gyrus {

/// A comma-separated table with one header line. Fields may be quoted; empty lines are skipped.
class Table {
 public:
  /// @throws DataError: missing, empty, a row with another number of fields
  static Table read(const std::filesystem::path& path);
  /// A table made in memory; `name` stands for the path in messages.
  Table(std::string name, std::vector<std::string> columns, std::vector<std::vector<std::string>> rows);

  std::size_t num_rows() const { return rows_.size(); }
  /// Line of the file, for messages.
  std::size_t line_of(std::size_t row) const { return lines_[row]; }
  const std::string& name() const { return name_; }

  /// @throws DataError naming every column of `columns` that is missing
  void check_columns(const std::vector<std::string>& columns, const std::string& wanted_by) const;
  const std::string& value(std::size_t row, const std::string& column) const;

  /// Replaces every {column} of `pattern`. @throws DataError naming a missing column
  std::string expand(const std::string& pattern, std::size_t row) const;

 private:
  std::string name_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> lines_;
};

/// The names in braces of a pattern.
std::vector<std::string> columns_of_pattern(const std::string& pattern);

}  // namespace gyrus
