#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launch/config/node.hpp"

namespace gyrus {

/// One config file: its `# @package` header, its defaults list and the rest.
struct ConfigFile {
  std::string name;                    // "model/ddpm"
  std::optional<std::string> package;  // of the header
  ConfigNode defaults;                 // a list, or null without one
  ConfigNode content;
};

/// The config folders, searched in order; each file is read once.
class ConfigRepository {
 public:
  /// @throws CompositionError (config_dir_missing)
  explicit ConfigRepository(std::vector<std::filesystem::path> folders);
  /// Folders to search last; what was loaded stays. @throws CompositionError (config_dir_missing)
  void append_folders(const std::vector<std::filesystem::path>& folders);

  /// @param name  path, e.g. "model/ddpm", with or without .yaml; returns null pointer when no folder has it.
  /// @throws CompositionError naming the file
  const ConfigFile* load(const std::string& name);

  bool group_exists(const std::string& group) const;
  /// Sorted names of the options of a group, of all folders.
  std::vector<std::string> options(const std::string& group) const;
  std::string folders_text() const;

 private:
  std::vector<std::filesystem::path> folders_;
  std::map<std::string, std::unique_ptr<ConfigFile>> files_;
};

}  // namespace gyrus
