#include "launch/config/config.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "launch/config/binder.hpp"
#include "launch/config/composer.hpp"
#include "launch/config/multirun.hpp"
#include "launch/config/resolver.hpp"
#include "launch/config/yaml_reader.hpp"
#include "launch/config/yaml_writer.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace fs = std::filesystem;

Config config_of(ConfigNode composed) {
  Config config;
  config.root_ = std::make_shared<const ConfigNode>(resolve(composed));
  config.composed_ = std::make_shared<const ConfigNode>(std::move(composed));
  return config;
}

Config Config::compose(const ComposeRequest& request) {
  return config_of(compose_tree(request));
}

Config Config::load(const fs::path& file) {
  const ConfigNode tree = read_yaml_file(file);
  if (!tree.is_mapping()) {
    throw ConfigError(
        fmt::format("{} holds {}; a mapping of options is wanted", file.string(), describe_value(tree)));
  }
  Config config;
  config.root_ = std::make_shared<const ConfigNode>(resolve(tree));
  return config;
}

std::string Config::to_yaml() const {
  return write_yaml(*root_);
}
std::string Config::to_json() const {
  return write_json(*root_);
}

void Config::write_hydra_files(const fs::path& run_dir) const {
  if (composed_) gyrus::write_hydra_files(*composed_, output_folders(*composed_).subdir, run_dir);
}

void Config::bind_section(const std::string& path, const std::function<void(Fields&)>& visit) const {
  static const ConfigNode nothing = ConfigNode::make_mapping();
  const ConfigNode* section = root_->find_path(path);
  if (section && !section->is_mapping() && !section->is_null()) {
    throw ConfigError(fmt::format("{} ({}) is {}; a group of options is wanted", path,
                                  section->origin.describe(), describe_value(*section)));
  }
  bind_fields(section ? *section : nothing, path, visit);
}

std::map<std::string, std::string> options_fixed_on_resume(const std::function<void(Fields&)>& visit) {
  std::map<std::string, std::string> fixed;
  for (const OptionDescription& option : describe_options(visit)) {
    if (!option.rules.may_change_on_resume) fixed[option.path] = option.default_text;
  }
  return fixed;
}

std::string options_digest(const std::map<std::string, std::string>& fixed) {
  std::uint64_t digest = 0;
  for (const auto& [name, value] : fixed) digest = digest64(name + "=" + value, digest);
  return to_hex(digest);
}

fs::path find_config_folder() {
  if (const char* named = std::getenv("GYRUS_CONFIGS")) {
    if (fs::is_regular_file(fs::path(named) / "config.yaml")) return named;
    throw ConfigError(fmt::format("GYRUS_CONFIGS={} holds no config.yaml", named));
  }
  const fs::path program_folder = fs::read_symlink("/proc/self/exe").parent_path();
  for (fs::path folder = program_folder;; folder = folder.parent_path()) {
    if (fs::is_regular_file(folder / "configs/config.yaml")) return folder / "configs";
    if (folder == folder.parent_path()) break;
  }
  const fs::path installed = program_folder.parent_path() / "share/gyrus/configs";
  if (fs::is_regular_file(installed / "config.yaml")) return installed;
  throw ConfigError(fmt::format(
      "there is no configs/config.yaml in {} or a folder above it, nor {}; set GYRUS_CONFIGS to the "
      "folder that holds config.yaml",
      program_folder.string(), installed.string()));
}

}  // namespace gyrus
