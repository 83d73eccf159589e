#include "launch/config/defaults_entry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace gyrus {
namespace {

std::string slashes_to_dots(std::string path) {
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

[[noreturn]] void fail(const ConfigNode& node, const std::string& config_name, const std::string& what) {
  throw CompositionError("defaults_list", fmt::format("defaults list of '{}' ({}): {}", config_name,
                                                      node.origin.describe(), what));
}

/// Takes "@package" off the end of `name`.
std::optional<std::string> take_package(std::string& name) {
  const std::size_t at = name.find('@');
  if (at == std::string::npos) return {};
  std::string package = name.substr(at + 1);
  name.resize(at);
  return package;
}

/// Each `_group_` of a package becomes the group; such a package counts from the root.
std::string with_group(const std::string& package, const std::string& group) {
  const std::string word = "_group_";
  if (package.find(word) == std::string::npos) return package;
  std::string replaced = "_global_.";
  std::size_t begin = 0;
  for (std::size_t at; (at = package.find(word, begin)) != std::string::npos; begin = at + word.size())
    replaced += package.substr(begin, at - begin) + group;
  return replaced + package.substr(begin);
}

}  // namespace

std::string DefaultsEntry::group_path() const {
  if (is_absolute || parent_group.empty()) return group;
  return group.empty() ? parent_group : parent_group + "/" + group;
}

std::string DefaultsEntry::config_path() const {
  const std::string folder = group_path();
  return folder.empty() ? option() : folder + "/" + option();
}

std::string DefaultsEntry::final_package(bool with_header) const {
  std::string own = slashes_to_dots(group);
  if (package) {
    own = *package == "_here_" ? "" : with_group(*package, slashes_to_dots(group_path()));
  } else if (with_header && header_package) {
    own = *header_package;
  }
  std::string full = join_path(parent_package, own);
  if (own.empty()) full = parent_package;
  // _global_ anywhere in the middle starts again at the root.
  if (const std::size_t at = full.rfind("_global_"); at != std::string::npos) {
    full.erase(0, at + std::string_view("_global_").size());
    if (full.starts_with(".")) full.erase(0, 1);
  }
  return full;
}

std::string DefaultsEntry::override_key() const {
  const std::string path = group_path();
  const std::string landing = final_package(/*with_header=*/false);
  if (landing == slashes_to_dots(path)) return path;
  return path + "@" + (landing.empty() ? "_global_" : landing);
}

DefaultsEntry DefaultsEntry::make_self() {
  DefaultsEntry entry;
  entry.is_self = true;
  entry.options = {"_self_"};
  return entry;
}

DefaultsEntry DefaultsEntry::make_file(const std::string& path) {
  DefaultsEntry entry;
  std::string name = path;
  entry.package = take_package(name);
  if (name.starts_with("/")) {
    entry.is_absolute = true;
    name.erase(0, 1);
  }
  if (name.ends_with(".yaml")) name.resize(name.size() - 5);
  const std::size_t slash = name.rfind('/');
  if (slash != std::string::npos) entry.group = name.substr(0, slash);
  entry.options = {slash == std::string::npos ? name : name.substr(slash + 1)};
  return entry;
}

DefaultsEntry DefaultsEntry::parse(const ConfigNode& node, const std::string& config_name) {
  if (node.is_text()) {
    DefaultsEntry entry = node.text == "_self_" ? make_self() : make_file(node.text);
    entry.origin = node.origin;
    return entry;
  }
  if (!node.is_mapping() || node.entries.size() != 1) {
    fail(node, config_name, "an entry is 'name', 'group: option' or '_self_'");
  }
  const auto& [key, value] = node.entries.front();
  DefaultsEntry entry;
  entry.is_group = true;
  entry.origin = node.origin;
  std::istringstream words(key.text);
  for (std::string word; words >> word;) {
    if (!entry.group.empty())
      fail(node, config_name,
           fmt::format("'{}': only 'optional' and 'override' may stand before a group", key.text));
    if (word == "optional")
      entry.is_optional = true;
    else if (word == "override")
      entry.is_override = true;
    else
      entry.group = word;
  }
  entry.package = take_package(entry.group);
  if (entry.group.starts_with("/")) {
    entry.is_absolute = true;
    entry.group.erase(0, 1);
  }
  if (entry.group.empty()) fail(node, config_name, fmt::format("'{}' names no group", key.text));
  if (value.is_list()) {
    entry.is_list = true;
    for (const ConfigNode& item : value.items) {
      if (!item.is_text())
        fail(node, config_name, fmt::format("the options of {} must be names", entry.group));
      if (item.has_interpolation()) {
        throw CompositionError(
            "defaults_interpolation",
            fmt::format("defaults list of '{}' ({}): no interpolation can stand in a list of options",
                        config_name, node.origin.describe()));
      }
      entry.options.push_back(item.text);
    }
  } else if (value.is_null()) {
    entry.has_choice = false;
    entry.options = {""};
  } else if (value.is_text() || value.is_missing()) {
    entry.options = {value.text};
  } else {
    fail(node, config_name,
         fmt::format("the option of {} is {}; a name is wanted, write it in quotes", entry.group,
                     describe_value(value)));
  }
  return entry;
}

}  // namespace gyrus
