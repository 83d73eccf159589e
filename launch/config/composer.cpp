// Merges the files of the final defaults list in order, then applies the overrides of values.
#include "launch/config/composer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "launch/config/casts.hpp"
#include "launch/config/defaults_list.hpp"
#include "launch/config/hydra_node.hpp"
#include "launch/config/repository.hpp"
#include "launch/config/resolver.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

constexpr const char* searchpath_key = "hydra.searchpath";

bool is_container(const ConfigNode& node) {
  return node.is_list() || node.is_mapping();
}

void replace(ConfigNode& target, const ConfigNode& source) {
  std::vector<ReplacedValue> replaced = std::move(target.replaced);
  replaced.push_back({target.origin, spell(target)});
  target = source;
  target.replaced = std::move(replaced);
}

/// The mapping at `package`, made on the way where it does not exist. A value that stands in the way is
/// replaced.
ConfigNode& make_mappings(ConfigNode& root, const std::vector<std::string>& keys, const Origin& origin) {
  ConfigNode mapping = ConfigNode::make_mapping();
  mapping.origin = origin;
  ConfigNode* node = &root;
  for (const std::string& key : keys) {
    ConfigNode* child = node->find(key);
    if (!child) child = &node->entries.emplace_back(key, mapping).second;
    if (!child->is_mapping()) replace(*child, mapping);
    node = child;
  }
  return *node;
}

void place_part(ConfigNode& root, const ComposedPart& part, const std::string& primary_config) {
  const ConfigNode& content = part.file->content;
  if (content.is_list() && part.package.empty()) {
    throw CompositionError("not_a_mapping", fmt::format("config '{}' ({}) is a list; a mapping is wanted",
                                                        part.file->name, content.origin.describe()));
  }
  if (!content.is_null() && !is_container(content)) {
    throw CompositionError("not_a_mapping",
                           fmt::format("config '{}' ({}) is {}; a mapping is wanted", part.file->name,
                                       content.origin.describe(), describe_value(content)));
  }
  std::vector<std::string> keys;
  if (!part.package.empty()) keys = split(part.package, '.');
  ConfigNode wrapped = ConfigNode::make_mapping();
  make_mappings(wrapped, keys, content.origin) = content.is_null() ? ConfigNode::make_mapping() : content;
  if (wrapped.find_path(searchpath_key) && part.file->name != primary_config)
    throw CompositionError(
        "searchpath",
        fmt::format("config '{}' sets hydra.searchpath; only the primary config may", part.file->name));
  try {
    merge(root, root, wrapped, "");
  } catch (const CompositionError& error) {
    throw CompositionError(error.kind, fmt::format("config '{}': {}", part.file->name, error.what()));
  }
}

std::vector<std::string> key_names(const ConfigNode& mapping) {
  std::vector<std::string> names;
  for (const auto& [key, value] : mapping.entries) names.push_back(key.text);
  return names;
}

[[noreturn]] void fail_unknown_key(const Override& given, const ConfigNode& parent, const std::string& key) {
  const std::string suggestion = nearest_word(key, key_names(parent));
  throw CompositionError(
      "unknown_key",
      fmt::format("override {0}: '{1}' is not in the configuration{2}; to add it write +{1}=...", given.text,
                  given.key, suggestion.empty() ? "" : "; did you mean " + suggestion + "?"));
}

/// Without +, a mapping may only set keys that exist.
void check_keys_exist(const Override& given, const ConfigNode& target, const ConfigNode& source) {
  if (!target.is_mapping() || !source.is_mapping()) return;
  for (const auto& [key, value] : source.entries) {
    const ConfigNode* existing = target.find(key);
    if (!existing) fail_unknown_key(given, target, key.text);
    check_keys_exist(given, *existing, value);
  }
}

void set_value(const ConfigNode& root, ConfigNode& target, const Override& given) {
  if (is_container(target) && is_container(given.value()) && target.kind != given.value().kind) {
    throw CompositionError("type_conflict",
                           fmt::format("override {}: {} is {} and cannot become {}", given.text, given.key,
                                       describe_value(target), describe_value(given.value())));
  }
  if (is_container(given.value()))
    merge(root, target, given.value(), given.key);
  else
    replace(target, given.value());
}

[[noreturn]] void fail_outside_list(const Override& given, const ConfigNode& list) {
  throw CompositionError("list_index",
                         fmt::format("override {}: '{}' is outside the list, which has {} items", given.text,
                                     given.key, list.items.size()));
}

/// `levels.0=1` of a list that no file has cannot be meant as a mapping with the key 0.
void refuse_position(const Override& given, const std::string& key) {
  const bool is_position = key.find_first_not_of("0123456789") == std::string::npos;
  if (is_position && given.action == Override::Action::set)
    throw CompositionError(
        "list_index",
        fmt::format("override {}: '{}' is outside the list: no file has it; give the whole list, "
                    "as in key=[1,2]",
                    given.text, given.key));
}

/// The parent of the override's key: of the same tree, made on the way when `make` says so. A scalar that
/// stands in the way is replaced then.
ConfigNode& find_parent(ConfigNode& root, const Override& given, const std::vector<std::string>& keys,
                        bool make) {
  ConfigNode* node = &root;
  for (std::size_t i = 0; i + 1 < keys.size(); ++i) {
    if (node->is_list()) {
      const auto index = list_position(*node, keys[i]);
      if (!index) fail_outside_list(given, *node);
      node = &node->items[*index];
      if (make && !is_container(*node)) {
        ConfigNode mapping = ConfigNode::make_mapping();
        mapping.origin = given.value().origin;
        replace(*node, mapping);
      }
      continue;
    }
    ConfigNode* child = node->find(keys[i]);
    if (!child && !make) fail_unknown_key(given, *node, keys[i]);
    if (!child) refuse_position(given, keys[i]);
    const bool is_in_the_way = child && !is_container(*child) && make;
    if (!child || is_in_the_way) child = &make_mappings(*node, {keys[i]}, given.value().origin);
    node = child;
  }
  return *node;
}

/// Python's equality of values: numbers by value, true is 1; the order of keys does not matter.
bool is_equal(const ConfigNode& a, const ConfigNode& b) {
  if (is_number(a) && is_number(b)) return number_of(a) == number_of(b);
  if (a.kind != b.kind || a.items.size() != b.items.size() || a.entries.size() != b.entries.size())
    return false;
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (!is_equal(a.items[i], b.items[i])) return false;
  for (const auto& [key, value] : a.entries) {
    const ConfigNode* twin = b.find(key);
    if (!twin || !is_equal(value, *twin)) return false;
  }
  return a.text == b.text;
}

void remove_value(ConfigNode& root, const Override& given, const std::vector<std::string>& keys) {
  if (given.is_of_hydra())
    throw CompositionError("delete_missing",
                           fmt::format("override {}: what hydra knows cannot be deleted", given.text));
  const ConfigNode* target = root.find_path(given.key);
  const ConfigNode value = target ? resolve_at(root, given.key) : ConfigNode::make_null();
  if (value.is_null() || value.is_missing())
    throw CompositionError("delete_missing",
                           fmt::format("override {}: there is no '{}' to delete", given.text, given.key));
  if (given.has_value && !given.value().is_null() && !is_equal(value, given.value()))
    throw CompositionError("delete_mismatch",
                           fmt::format("override {}: the value of '{}' is {}, not {}; nothing is deleted",
                                       given.text, given.key, spell(value), spell(given.value())));
  ConfigNode& parent = find_parent(root, given, keys, /*make=*/false);
  if (parent.is_list()) {
    parent.items.erase(parent.items.begin() +
                       static_cast<std::ptrdiff_t>(*list_position(parent, keys.back())));
  } else {
    parent.erase(keys.back());
  }
}

/// Further config folders: hydra.searchpath of the command line, else of the primary config. They come last.
std::vector<std::filesystem::path> searchpath(const ConfigFile* primary,
                                              const std::vector<Override>& overrides) {
  ConfigNode list = ConfigNode::make_list();
  if (primary && primary->content.find_path(searchpath_key))
    list = resolve_at(primary->content, searchpath_key);
  const auto asked = std::ranges::find(overrides, searchpath_key, &Override::key_with_prefix);
  if (asked != overrides.end()) list = asked->value();  // of several the first, as in Hydra
  std::vector<std::filesystem::path> found;
  for (const ConfigNode& item : list.items) {
    const std::string scheme = "file://";
    const std::string folder = item.text.starts_with(scheme) ? item.text.substr(scheme.size()) : item.text;
    if (std::filesystem::is_directory(folder))
      found.emplace_back(folder);
    else if (item.is_text())
      log::warning_once("{} names {}, which is no folder", searchpath_key, folder);
  }
  const bool are_texts = std::all_of(list.items.begin(), list.items.end(),
                                     [](const ConfigNode& item) { return item.is_text(); });
  if (!list.is_list() || !are_texts)
    throw CompositionError("searchpath", fmt::format("{} ({}) must be a list of folders", searchpath_key,
                                                     list.origin.describe()));
  return found;
}

ConfigRepository open_repository(const ComposeRequest& request, const std::vector<Override>& overrides) {
  std::vector<std::filesystem::path> folders = {request.config_folder};
  folders.insert(folders.end(), request.extra_folders.begin(), request.extra_folders.end());
  ConfigRepository repository(std::move(folders));
  const ConfigFile* primary = request.config_name.empty() ? nullptr : repository.load(request.config_name);
  repository.append_folders(searchpath(primary, overrides));
  return repository;
}

/// Whether an override chooses an option of a group, not a value.
bool chooses_group(const Override& given, const ConfigRepository& repository) {
  const bool is_mapping = given.has_value && given.value().is_mapping();
  if (!is_mapping && repository.group_exists(given.key)) return true;
  if (given.key.starts_with("hydra/"))
    throw CompositionError("group_not_in_defaults",
                           fmt::format("override {}: Hydra's own group {} is not there: `gyrus sweep` and "
                                       "`gyrus submit` start jobs, sweep.launcher says how",
                                       given.text, given.key));
  if (given.has_package)
    throw CompositionError("no_such_group", fmt::format("override {}: there is no group {} in {}", given.text,
                                                        given.key, repository.folders_text()));
  return false;
}

/// In the tree a text is a text, whether it stood in quotes or not.
void forget_quotes(ConfigNode& node) {
  node.quote = '\0';
  for (ConfigNode& item : node.items) forget_quotes(item);
  for (auto& [key, value] : node.entries) forget_quotes(value);
}

void refuse_sweep(const Override& given) {
  if (!given.is_sweep()) return;
  if (given.sweep().is_simple)
    throw CompositionError(
        "ambiguous", fmt::format("override {}: several values make a sweep (`gyrus sweep`, or --multirun); "
                                 "quote the value ('a,b') or write a list ([a,b]) if one is meant",
                                 given.text));
  throw CompositionError("sweep_without_multirun",
                         fmt::format("override {}: {} makes a sweep: `gyrus sweep`, or --multirun",
                                     given.text, given.sweep().kind_name()));
}

}  // namespace

void merge(const ConfigNode& root, ConfigNode& target, const ConfigNode& source, const std::string& path) {
  if (source.is_mapping() && target.has_interpolation()) {
    try {
      ConfigNode meant = resolve_at(root, path);
      if (meant.is_mapping()) target = std::move(meant);
    } catch (const CompositionError&) {
      // What it names may come from a later file: the mapping takes its place.
    }
  }
  if (target.is_mapping() && source.is_mapping()) {
    KeyIndex keys(target);
    for (const auto& [key, value] : source.entries) {
      if (const auto place = keys.find(key)) {
        merge(root, target.entries[*place].second, value, join_path(path, key.text));
      } else {
        target.entries.emplace_back(key, value);
        keys.add(key);
      }
    }
    return;
  }
  if (is_container(target) && is_container(source) && target.kind != source.kind) {
    throw CompositionError(
        "type_conflict",
        fmt::format("'{}' is {} ({}) and cannot be merged with {} ({})", path, describe_value(target),
                    target.origin.describe(), describe_value(source), source.origin.describe()));
  }
  if (source.is_missing()) return;
  replace(target, source);
}

void apply_override(ConfigNode& root, const Override& given, bool allow_new_keys) {
  const std::vector<std::string> keys = split(given.key, '.');
  if (given.action == Override::Action::remove) return remove_value(root, given, keys);
  const bool may_add = given.action != Override::Action::set || allow_new_keys;
  ConfigNode& parent = find_parent(root, given, keys, may_add);
  if (parent.is_list()) {
    const auto index = list_position(parent, keys.back());
    if (!index) fail_outside_list(given, parent);
    if (!may_add) check_keys_exist(given, parent.items[*index], given.value());
    return set_value(root, parent.items[*index], given);
  }
  ConfigNode* target = parent.is_mapping() ? parent.find(keys.back()) : nullptr;
  if (!target) {
    if (!may_add) fail_unknown_key(given, parent, keys.back());
    refuse_position(given, keys.back());
    parent.entries.emplace_back(keys.back(), given.value());
    return;
  }
  if (given.action == Override::Action::add && !is_container(given.value())) {
    const ConfigNode known = target->has_interpolation() ? resolve_at(root, given.key) : *target;
    if (!known.is_null() && !known.is_missing())
      throw CompositionError(
          "already_there",
          fmt::format(
              "override {0}: '{1}' has a value ({2}) already; write {1}={3} to change it, or ++{1}={3} "
              "whether it exists or not",
              given.text, given.key, target->origin.describe(), given.value_text()));
  }
  if (!may_add) check_keys_exist(given, *target, given.value());
  set_value(root, *target, given);
}

std::vector<std::string> group_options(const ComposeRequest& request, const std::string& group) {
  return open_repository(request, {}).options(group);
}

ConfigNode compose_tree(const ComposeRequest& request) {
  std::vector<Override> overrides;
  for (const std::string& text : request.overrides) overrides.push_back(parse_override(text));
  if (request.skip_sweeps) std::erase_if(overrides, [](const Override& given) { return given.is_sweep(); });
  for (Override& given : overrides) {
    refuse_sweep(given);
    forget_quotes(std::get<ConfigNode>(given.content));
  }

  ConfigRepository repository = open_repository(request, overrides);
  std::vector<Override> of_groups, of_values;
  for (const Override& given : overrides)
    (chooses_group(given, repository) ? of_groups : of_values).push_back(given);

  ConfigNode root = ConfigNode::make_mapping();
  root.entries.emplace_back(hydra_key, default_hydra_node());
  const ExpandedDefaults expanded =
      expand_defaults(repository, request.config_name, of_groups, /*skip_missing=*/request.skip_sweeps);
  for (const ComposedPart& part : expanded.parts) place_part(root, part, request.config_name);
  for (const Override& given : of_values)
    apply_override(root, given, request.allow_new_keys && !given.is_of_hydra());
  check_hydra_node(*root.find(hydra_key));
  complete_hydra_node(*root.find(hydra_key), overrides, expanded.choices, request.config_name);
  return root;
}

}  // namespace gyrus
