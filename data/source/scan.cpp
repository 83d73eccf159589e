#include "data/source/scan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>

#include "launch/error.hpp"
#include "launch/utf8.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

bool match_from(std::string_view pattern, std::string_view text, NamedParts& parts) {
  while (!pattern.empty() && pattern.front() != '{') {
    if (text.empty() || text.front() != pattern.front()) return false;
    pattern.remove_prefix(1);
    text.remove_prefix(1);
  }
  if (pattern.empty()) return text.empty();
  const std::size_t close = pattern.find('}');
  require(close != std::string_view::npos, "braces of patterns are closed");
  const std::string name(pattern.substr(1, close - 1));
  pattern.remove_prefix(close + 1);
  if (const auto known = parts.find(name); known != parts.end())
    return text.starts_with(known->second) && match_from(pattern, text.substr(known->second.size()), parts);
  for (std::size_t length = 1; length <= text.size() && text[length - 1] != '/'; ++length) {
    parts[name] = text.substr(0, length);
    if (match_from(pattern, text.substr(length), parts)) return true;
    parts.erase(name);
  }
  return false;
}

std::vector<std::string> segments_of(const std::string& pattern) {
  std::vector<std::string> segments;
  for (const auto& segment : fs::path(pattern)) segments.push_back(segment.string());
  return segments;
}

/// A name that is not there (any more) is none; what else is wrong is said.
bool is_absent(const std::error_code& problem) {
  return problem == std::errc::no_such_file_or_directory;
}

class Scan {
 public:
  Scan(fs::path folder, std::string pattern)
      : folder_(std::move(folder)), segments_(segments_of(pattern)), names_(columns_of_pattern(pattern)) {
    std::sort(names_.begin(), names_.end());
    names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
  }

  Table table() {
    walk({}, 0, {});
    std::vector<std::string> columns = {"file"};
    columns.insert(columns.end(), names_.begin(), names_.end());
    return Table("file", std::move(columns), std::move(rows_));
  }

 private:
  void walk(const fs::path& relative, std::size_t depth, const NamedParts& parts) {
    const std::string& segment = segments_[depth];
    const bool is_last = depth + 1 == segments_.size();
    if (segment.find('{') == std::string::npos) {
      if (!is_last)
        walk(relative / segment, depth + 1, parts);
      else if (is_file(relative / segment))
        add(relative / segment, parts);
      return;
    }
    for (const auto& name : names_in(relative)) {
      NamedParts found = parts;
      if (name.front() == '.' && segment.front() != '.') continue;
      if (!match_pattern(segment, name, found)) continue;
      if (is_last && is_file(relative / name)) add(relative / name, found);
      if (!is_last && is_folder(relative / name)) walk(relative / name, depth + 1, found);
    }
  }

  /// A link that leads nowhere counts as a file, so that it is named when it is read.
  bool is_file(const fs::path& relative) const {
    std::error_code problem;
    const auto type = fs::symlink_status(folder_ / relative, problem).type();
    return type == fs::file_type::regular || (type == fs::file_type::symlink && !is_folder(relative));
  }

  bool is_folder(const fs::path& relative) const {
    std::error_code problem;  // a link that leads nowhere or round in circles is no folder
    return fs::is_directory(folder_ / relative, problem);
  }

  std::set<std::string> names_in(const fs::path& relative) const {
    std::set<std::string> names;
    std::error_code problem;
    const fs::path path = folder_ / relative;
    for (fs::directory_iterator entry(path, problem), end; !problem && entry != end; entry.increment(problem))
      names.insert(entry->path().filename().string());
    if (problem && !is_absent(problem))
      throw DataError(fmt::format("cannot list the folder {}: {}", path.string(), problem.message()));
    return names;
  }

  void add(const fs::path& file, const NamedParts& parts) {
    std::vector<std::string> row = {file.string()};
    for (const auto& name : names_) row.push_back(parts.at(name));
    rows_.push_back(std::move(row));
  }

  fs::path folder_;
  std::vector<std::string> segments_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace

bool match_pattern(const std::string& pattern, const std::string& text, NamedParts& parts) {
  NamedParts found = parts;
  if (!match_from(pattern, text, found)) return false;
  parts = std::move(found);
  return true;
}

Table scan_folder(const fs::path& folder, const std::string& pattern, const std::string& wanted_by) {
  auto table = Scan(folder, pattern).table();
  if (table.num_rows() == 0)
    throw DataError(fmt::format("{}.scan: no file below {} is as '{}'", wanted_by, folder.string(), pattern));
  for (std::size_t row = 0; row < table.num_rows(); ++row) {
    const std::string& file = table.value(row, "file");
    if (find_invalid_utf8(file) != std::string::npos)
      throw DataError(fmt::format("{}.scan: the name '{}' below {} is not in UTF-8: rename it", wanted_by,
                                  escape_invalid_utf8(file), folder.string()));
  }
  return table;
}

}  // namespace gyrus
