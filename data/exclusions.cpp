#include "data/exclusions.hpp"

#include <fmt/format.h>

#include "data/source/table.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

constexpr const char* header = "source,set,id,reason";

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + '"';
}

}  // namespace

std::vector<Exclusion> read_exclusions(const std::filesystem::path& root) {
  const auto path = root / exclusions_file;
  // A link that leads nowhere is no absent list: reading it says what is wrong.
  std::error_code problem;
  const auto kind = std::filesystem::symlink_status(path, problem).type();
  if (kind == std::filesystem::file_type::not_found) return {};
  const auto table = Table::read(path, /*may_be_empty=*/true);  // someone may delete the last line
  table.check_columns({"source", "set", "id", "reason"}, "a list of exclusions");
  std::vector<Exclusion> exclusions;
  for (std::size_t row = 0; row < table.num_rows(); ++row) {
    exclusions.push_back({table.value(row, "source"), table.value(row, "set"), table.value(row, "id"),
                          table.value(row, "reason"), table.place(row)});
    if (exclusions.back().set.empty() || exclusions.back().id.empty())
      throw DataError(fmt::format("{} names no volume: give set and id", table.place(row)));
  }
  return exclusions;
}

void write_exclusions(const std::filesystem::path& root, const std::vector<Exclusion>& exclusions) {
  std::string text = std::string(header) + "\n";
  for (const Exclusion& entry : exclusions)
    text += fmt::format("{},{},{},{}\n", quoted(entry.source), quoted(entry.set), quoted(entry.id),
                        quoted(entry.reason));
  gyrus::create_directories(root);
  write_file_atomically(root / exclusions_file, text);
}

std::string describe_exclusions(const std::filesystem::path& root) {
  const std::size_t count = read_exclusions(root).size();
  if (count == 0) return "";
  return fmt::format("{} volume{} left out by {}", count, count == 1 ? " is" : "s are",
                     (root / exclusions_file).string());
}

}  // namespace gyrus
