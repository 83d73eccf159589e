#include "launch/config/repository.hpp"

#include <fmt/format.h>

#include <set>
#include <sstream>

#include "launch/config/yaml_reader.hpp"

namespace gyrus {
namespace fs = std::filesystem;
namespace {

/// The value of `# @package VALUE`, which must stand before anything but blank lines and other `# @` headers.
std::optional<std::string> read_package_header(const std::string& content, const std::string& file) {
  std::istringstream lines(content);
  std::optional<std::string> package;  // the last header counts
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word, hash;
    std::vector<std::string> parts;
    while (words >> word) parts.push_back(word);
    if (parts.empty()) continue;
    if (parts[0].starts_with("#@"))
      parts[0].erase(0, 1);
    else if (parts[0] == "#")
      parts.erase(parts.begin());
    else
      return package;
    if (parts.empty() || !parts[0].starts_with("@")) return package;
    if (parts[0] != "@package") continue;
    if (parts.size() != 2) {
      throw CompositionError("package_header",
                             fmt::format("{}: '{}' must be written # @package NAME", file, line));
    }
    package = parts[1];
  }
  return package;
}

}  // namespace

ConfigRepository::ConfigRepository(std::vector<fs::path> folders) {
  append_folders(folders);
}

void ConfigRepository::append_folders(const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders) {
    if (!fs::is_directory(folder))
      throw CompositionError(
          "config_dir_missing",
          fmt::format("config folder {} does not exist or is not a folder", folder.string()));
    folders_.push_back(folder);
  }
}

const ConfigFile* ConfigRepository::load(const std::string& given) {
  const std::string name = given.ends_with(".yaml") ? given.substr(0, given.size() - 5) : given;
  if (const auto found = files_.find(name); found != files_.end()) return found->second.get();
  for (const fs::path& folder : folders_) {
    const fs::path path = folder / (name + ".yaml");
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::symlink_status(path, error).type() == fs::file_type::not_found) continue;
    if (!fs::is_regular_file(status))
      throw CompositionError(
          "config_missing",
          fmt::format("{} is a folder, a broken link or a device, not a file", path.string()));
    auto file = std::make_unique<ConfigFile>();
    file->name = name;
    const std::string content = read_config_text(path);
    file->package = read_package_header(content, path.string());
    file->content = read_yaml(content, path.string());
    if (ConfigNode* defaults = file->content.find("defaults")) {
      file->defaults = *defaults;
      file->content.erase("defaults");
      if (!file->defaults.is_list()) {
        throw CompositionError("defaults_list",
                               fmt::format("{}: defaults must be a list, as in '- model: ddpm'",
                                           file->defaults.origin.describe()));
      }
    }
    return files_.emplace(name, std::move(file)).first->second.get();
  }
  return nullptr;
}

bool ConfigRepository::group_exists(const std::string& group) const {
  for (const fs::path& folder : folders_) {
    if (fs::is_directory(folder / group)) return true;
  }
  return false;
}

std::vector<std::string> ConfigRepository::options(const std::string& group) const {
  std::set<std::string> names;
  for (const fs::path& folder : folders_) {
    if (!fs::is_directory(folder / group)) continue;
    for (const auto& entry : fs::directory_iterator(folder / group)) {
      std::error_code error;
      if (entry.path().extension() == ".yaml" && entry.is_regular_file(error))
        names.insert(entry.path().stem().string());
    }
  }
  return {names.begin(), names.end()};
}

std::string ConfigRepository::folders_text() const {
  std::string text;
  for (const fs::path& folder : folders_) text += (text.empty() ? "" : ", ") + folder.string();
  return text;
}

}  // namespace gyrus
