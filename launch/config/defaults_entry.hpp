#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launch/config/node.hpp"

namespace gyrus {

/// One entry of a defaults list: `- model: ddpm`, `- override /data@eval: ixi`, `- base`, `- _self_`.
struct DefaultsEntry {
  bool is_self = false;
  bool is_group = false;  // else it names one file
  bool is_optional = false;
  bool is_override = false;
  bool is_appended = false;  // by + on the command line
  bool is_absolute = false;  // began with /
  std::string group;         // without leading /; for a file: its folder
  std::optional<std::string> package;
  bool has_choice = true;            // false: null, a slot for an override
  bool is_list = false;              // several options of one group
  std::vector<std::string> options;  // one unless is_list
  Origin origin;

  // What surrounds the entry, known when its list is expanded.
  std::string parent_group;
  std::string parent_package;
  std::optional<std::string> header_package;

  const std::string& option() const { return options.front(); }
  bool is_interpolation() const { return has_choice && !is_list && option().find("${") != std::string::npos; }
  /// The group from the root of the config folders, e.g. "trainer/optimizer".
  std::string group_path() const;
  std::string config_path() const;
  /// Where the content lands. @param with_header  whether the file's own `# @package` counts
  std::string final_package(bool with_header) const;
  /// What an override calls this entry: group, with @package where that is not the group's own place.
  std::string override_key() const;

  /// @throws CompositionError (defaults_list)
  static DefaultsEntry parse(const ConfigNode& node, const std::string& config_name);
  static DefaultsEntry make_file(const std::string& path);
  static DefaultsEntry make_self();
};

}  // namespace gyrus
