#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "launch/config/fields.hpp"

namespace gyrus {

/// What to compose: Hydra's terms. `config_folder` is the primary folder; `extra_folders` (--config-dir) are
/// searched after it; `overrides` are taken as the program received them.
struct ComposeRequest {
  std::filesystem::path config_folder;
  std::vector<std::filesystem::path> extra_folders;
  std::string config_name = "config";
  std::vector<std::string> overrides;
  /// `key=value` may set a key that no file has, as if it were `+key=value`: most options have their defaults
  /// in the structs, and binding rejects the keys that are no options. False: Hydra's rule, only keys that
  /// exist.
  bool allow_new_keys = false;
  /// Overrides that list several values are left out: what a sweep's jobs have in common. False: they are
  /// errors.
  bool skip_sweeps = false;
};

struct ConfigNode;  // launch/config/node.hpp

/// One composed configuration: defaults list, groups and overrides merged by Hydra's rules. Copying shares
/// the tree.
class Config {
 public:
  /// @throws ConfigError naming what is wrong, where (file and line, or the override) and what would be right
  static Config compose(const ComposeRequest& request);
  /// One YAML file as it is (a frozen config.yaml); no defaults list. @throws ConfigError
  static Config load(const std::filesystem::path& file);

  /// Fills `options` (a struct with `fields(Fields&)`) from the whole tree.
  /// @throws ConfigError for unknown keys (with a suggestion), wrong types, values outside their rules,
  /// missing `???`
  template <class Struct>
  void bind(Struct& options) const {
    bind_section("", [&](Fields& fields) { options.fields(fields); });
  }
  /// The same for the mapping at `path` ("data", "submit"); keys elsewhere are not looked at.
  template <class Struct>
  void bind(const std::string& path, Struct& options) const {
    bind_section(path, [&](Fields& fields) { options.fields(fields); });
  }

  /// Resolved YAML of the whole tree; `load` of it gives an equal configuration.
  std::string to_yaml() const;
  std::string to_json() const;

  const ConfigNode& root() const { return *root_; }
  /// What was composed, its interpolations in place, with Hydra's own node; null pointer for a loaded file.
  const ConfigNode* composed() const { return composed_.get(); }

  /// Writes what Hydra's users' scripts look for: .hydra/config.yaml (interpolations kept) and
  /// .hydra/overrides.yaml in `run_dir`; hydra.output_subdir names another folder, or null for none. Nothing
  /// for a loaded file, which brings them already. @throws DataError
  void write_hydra_files(const std::filesystem::path& run_dir) const;

 private:
  friend Config config_of(ConfigNode composed);
  void bind_section(const std::string& path, const std::function<void(Fields&)>& visit) const;
  std::shared_ptr<const ConfigNode> root_, composed_;
};

/// Of a composed tree (composer.hpp, multirun.hpp). @throws ConfigError
Config config_of(ConfigNode composed);

/// Throws when a whole configuration cannot be what the program is started with, so that a verb that knows a
/// part of it notices before it starts anything.
using CheckConfig = std::function<void(const Config&)>;

/// Dotted path -> value as text, of every option of a bound struct that may not change on resume.
std::map<std::string, std::string> options_fixed_on_resume(const std::function<void(Fields&)>& visit);

/// 16 hexadecimal digits over the names and values of such options. The order of keys, comments and paths of
/// the machine do not matter: paths may change on resume.
std::string options_digest(const std::map<std::string, std::string>& fixed);

/// The folder `configs` of this installation: ${GYRUS_CONFIGS}, else the first `configs/config.yaml` found
/// upwards from the program's folder, else share/gyrus/configs beside it. @throws ConfigError
std::filesystem::path find_config_folder();

}  // namespace gyrus
