#include "data/source/table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

/// Takes one record off the front of `text`; quoted fields may hold commas and line ends.
std::vector<std::string> take_record(std::string_view& text, std::size_t& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      fields.back() += '"';
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c == '\n' && !quoted) {
      ++i;
      break;
    } else if (c != '\r' || quoted) {
      fields.back() += c;
    }
  }
  text.remove_prefix(i);
  return fields;
}

}  // namespace

Table::Table(std::string name, std::vector<std::string> columns, std::vector<std::vector<std::string>> rows)
    : name_(std::move(name)), columns_(std::move(columns)), rows_(std::move(rows)), lines_(rows_.size(), 0) {}

Table Table::read(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) throw DataError(fmt::format("table {} does not exist", path.string()));
  const std::string content = read_file(path);
  std::string_view text = content;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // byte order mark of spreadsheet programs
  std::size_t line = 1;
  Table table(path.string(), take_record(text, line), {});
  while (!text.empty()) {
    const std::size_t first_line = line;
    auto fields = take_record(text, line);
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (fields.size() != table.columns_.size()) {
      throw DataError(fmt::format("table {} line {} has {} fields, its header has {}", table.name_,
                                  first_line, fields.size(), table.columns_.size()));
    }
    table.rows_.push_back(std::move(fields));
    table.lines_.push_back(first_line);
  }
  if (table.rows_.empty()) throw DataError(fmt::format("table {} has no rows", table.name_));
  return table;
}

void Table::check_columns(const std::vector<std::string>& columns, const std::string& wanted_by) const {
  std::vector<std::string> missing;
  for (const auto& column : columns) {
    const bool known = std::find(columns_.begin(), columns_.end(), column) != columns_.end();
    if (!known && std::find(missing.begin(), missing.end(), column) == missing.end())
      missing.push_back(column);
  }
  if (missing.empty()) return;
  throw DataError(fmt::format("table {} lacks the columns {} that {} needs; it has: {}", name_,
                              fmt::join(missing, ", "), wanted_by, fmt::join(columns_, ", ")));
}

const std::string& Table::value(std::size_t row, const std::string& column) const {
  check_columns({column}, "this data set");
  const auto index = std::find(columns_.begin(), columns_.end(), column) - columns_.begin();
  return rows_[row][static_cast<std::size_t>(index)];
}

std::vector<std::string> columns_of_pattern(const std::string& pattern) {
  std::vector<std::string> columns;
  for (std::size_t open = pattern.find('{'); open != std::string::npos; open = pattern.find('{', open + 1)) {
    const std::size_t close = pattern.find('}', open);
    if (close == std::string::npos)
      throw ConfigError(fmt::format("'{}' has a brace that is not closed", pattern));
    columns.push_back(pattern.substr(open + 1, close - open - 1));
  }
  return columns;
}

std::string Table::expand(const std::string& pattern, std::size_t row) const {
  std::string text = pattern;
  for (const auto& column : columns_of_pattern(pattern)) {
    const std::string placeholder = "{" + column + "}";
    const std::size_t at = text.find(placeholder);
    text.replace(at, placeholder.size(), value(row, column));
  }
  return text;
}

}  // namespace gyrus
