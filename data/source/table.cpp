#include "data/source/table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/utf8.hpp"

namespace gyrus {
namespace {

/// Takes one record off the front of `text`; quoted fields may hold separators and line ends. Tab-separated
/// tables have no quotes.
/// @param name  of the table, for messages. @throws DataError: a quote is not closed, or inside a field
std::vector<std::string> take_record(std::string_view& text, std::size_t& line, char separator,
                                     const std::string& name) {
  enum class State { fresh, plain, quoted, closed };  // of the field
  const std::size_t first_line = line;
  const bool may_quote = separator != '\t';
  std::vector<std::string> fields(1);
  State state = State::fresh;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    const bool ends_line = c == '\n' || (c == '\r' && text.substr(i + 1, 1) != "\n");
    if (ends_line) ++line;
    if (state == State::quoted) {
      const bool is_double = text.substr(i, 2) == "\"\"";
      i += is_double;
      if (c == '"' && !is_double)
        state = State::closed;
      else
        fields.back() += c;
    } else if (ends_line) {
      ++i;
      break;
    } else if (c == separator) {
      fields.emplace_back();
      state = State::fresh;
    } else if (c == '\r') {  // of a line end of two characters
    } else if (c == '"' && may_quote && state == State::fresh) {
      state = State::quoted;
    } else if ((c == '"' && may_quote) || state == State::closed) {
      throw DataError(fmt::format(
          "table {} line {}: a quote inside a field: write the field in quotes and the quote twice", name,
          line));
    } else {
      fields.back() += c;
      state = State::plain;
    }
  }
  if (state == State::quoted)
    throw DataError(fmt::format("table {} line {}: a quote is opened and not closed", name, first_line));
  text.remove_prefix(i);
  return fields;
}

/// @throws DataError naming the first line that is not UTF-8
void check_utf8(std::string_view text, const std::string& name) {
  const std::size_t bad = find_invalid_utf8(text);
  if (bad == std::string_view::npos) return;
  std::size_t line = 1;
  for (std::size_t i = 0; i < bad; ++i)
    line += text[i] == '\n' || (text[i] == '\r' && text.substr(i + 1, 1) != "\n");
  throw DataError(fmt::format("table {} line {} is not text in UTF-8: save it as CSV in UTF-8", name, line));
}

}  // namespace

Table::Table(std::string name, std::vector<std::string> columns, std::vector<std::vector<std::string>> rows)
    : name_(std::move(name)), columns_(std::move(columns)), rows_(std::move(rows)), lines_(rows_.size(), 0) {}

Table Table::read(const std::filesystem::path& path, bool may_be_empty) {
  std::error_code problem;  // what else is wrong than absence, reading says
  if (!std::filesystem::exists(path, problem) && !problem)
    throw DataError(fmt::format("table {} does not exist", path.string()));
  if (std::filesystem::exists(path, problem) && !std::filesystem::is_regular_file(path, problem))
    throw DataError(fmt::format("table {} is not a file", path.string()));
  const std::string content = read_file(path);
  std::string_view text = content;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // byte order mark of spreadsheet programs
  if (text.find('\0') != std::string_view::npos)
    throw DataError(fmt::format("table {} is not text in UTF-8: save it as CSV in UTF-8", path.string()));
  check_utf8(text, path.string());
  std::size_t line = 1;
  const bool has_tabs = path.extension() == ".tsv";
  const char separator = has_tabs ? '\t' : ',';
  Table table(path.string(), take_record(text, line, separator, path.string()), {});
  for (const auto& column : table.columns_)  // spreadsheet programs write columns without a name
    if (!column.empty() && std::count(table.columns_.begin(), table.columns_.end(), column) > 1)
      throw DataError(fmt::format("table {} has the column {} twice", table.name_, column));
  while (!text.empty()) {
    const std::size_t first_line = line;
    auto fields = take_record(text, line, separator, table.name_);
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (fields.size() != table.columns_.size()) {
      throw DataError(fmt::format("table {} line {} has {} fields, its header has {}", table.name_,
                                  first_line, fields.size(), table.columns_.size()));
    }
    if (has_tabs) std::replace(fields.begin(), fields.end(), std::string("n/a"), std::string());
    table.rows_.push_back(std::move(fields));
    table.lines_.push_back(first_line);
  }
  if (table.rows_.empty() && !may_be_empty) throw DataError(fmt::format("table {} has no rows", table.name_));
  return table;
}

std::string Table::place(std::size_t row) const {
  return lines_[row] > 0 ? fmt::format("{} line {}", name_, lines_[row])
                         : fmt::format("{} {}", name_, rows_[row].front());
}

bool Table::has_column(const std::string& column) const {
  return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
}

void Table::check_columns(const std::vector<std::string>& columns, const std::string& wanted_by) const {
  std::vector<std::string> missing;
  for (const auto& column : columns) {
    if (!has_column(column) && std::find(missing.begin(), missing.end(), column) == missing.end())
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
  std::size_t close = 0;
  for (std::size_t open = pattern.find('{'); open != std::string::npos; open = pattern.find('{', close)) {
    close = pattern.find('}', open);
    if (close == std::string::npos)
      throw ConfigError(fmt::format("'{}' has a brace that is not closed", pattern));
    columns.push_back(pattern.substr(open + 1, close - open - 1));
  }
  return columns;
}

std::string Table::expand(const std::string& pattern, std::size_t row) const {
  std::string text;
  std::size_t at = 0;
  for (const auto& column : columns_of_pattern(pattern)) {
    const std::size_t open = pattern.find('{', at);
    text += pattern.substr(at, open - at) + value(row, column);
    at = open + column.size() + 2;
  }
  return text + pattern.substr(at);
}

void Table::add_column(const std::string& column, std::vector<std::string> values) {
  require(values.size() == rows_.size() && !has_column(column), "a new column has a value per row");
  columns_.push_back(column);
  for (std::size_t row = 0; row < rows_.size(); ++row) rows_[row].push_back(std::move(values[row]));
}

void Table::filter(const std::vector<bool>& keep) {
  require(keep.size() == rows_.size(), "a choice per row");
  std::size_t next = 0;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (!keep[row]) continue;
    if (next != row) {
      rows_[next] = std::move(rows_[row]);
      lines_[next] = lines_[row];
    }
    ++next;
  }
  rows_.resize(next);
  lines_.resize(next);
}

}  // namespace gyrus
