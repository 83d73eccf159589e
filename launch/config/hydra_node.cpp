#include "launch/config/hydra_node.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "launch/config/yaml_reader.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

/// `{}` stands where files may put what they like.
constexpr const char* defaults = R"(
mode: null
searchpath: []
run: {dir: outputs}
sweep: {dir: multirun, subdir: '${hydra.job.num}'}
sweeper: {max_batch_size: null, params: {}}
output_subdir: .hydra
overrides: {hydra: [], task: []}
job:
  name: gyrus
  override_dirname: '???'
  id: '???'
  num: '???'
  config_name: '???'
  config: {override_dirname: {kv_sep: '=', item_sep: ',', exclude_keys: []}}
runtime: {cwd: '???', choices: {}}
)";

void warn_below(const ConfigNode& given, const ConfigNode& known, const std::string& path) {
  if (!given.is_mapping() || !known.is_mapping() || known.entries.empty()) return;
  for (const auto& [key, value] : given.entries) {
    const std::string deeper = join_path(path, key.text);
    if (const ConfigNode* twin = known.find(key))
      warn_below(value, *twin, deeper);
    else
      log::warning_once("{} ({}) has no effect in gyrus", deeper, value.origin.describe());
  }
}

void set(ConfigNode& hydra, const std::string& path, ConfigNode value) {
  ConfigNode* node = &hydra;
  for (const std::string& key : split(path, '.')) {
    ConfigNode* child = node->find(key);
    if (!child) child = &node->entries.emplace_back(key, ConfigNode::make_mapping()).second;
    node = child;
  }
  *node = std::move(value);
}

std::string text_at(const ConfigNode& hydra, const std::string& path) {
  const ConfigNode* node = hydra.find_path(path);
  return node && !node->is_null() ? spell(*node) : "";
}

/// All overrides of the program, sorted, in one name for folders.
std::string override_dirname(const ConfigNode& hydra, const std::vector<Override>& overrides) {
  const std::string path = "job.config.override_dirname.";
  std::vector<std::string> excluded, lines;
  if (const ConfigNode* keys = hydra.find_path(path + "exclude_keys"))
    for (const ConfigNode& key : keys->items) excluded.push_back(key.text);
  for (const Override& given : overrides)
    if (!given.is_of_hydra() && std::ranges::find(excluded, given.key) == excluded.end())
      lines.push_back(given.text);
  std::ranges::sort(lines);
  std::string name;
  for (const char c : fmt::format("{}", fmt::join(lines, text_at(hydra, path + "item_sep"))))
    name += c == '=' ? text_at(hydra, path + "kv_sep") : std::string(1, c);
  return name;
}

ConfigNode list_of(const std::vector<Override>& overrides, bool of_hydra) {
  ConfigNode list = ConfigNode::make_list();
  for (const Override& given : overrides)
    if (given.is_of_hydra() == of_hydra) list.items.push_back(ConfigNode::make_text(given.text));
  return list;
}

}  // namespace

ConfigNode default_hydra_node() {
  static const ConfigNode node = [] {
    ConfigNode made = read_yaml(defaults, "the defaults of hydra");
    made.set_origin({"default of hydra", 0});
    return made;
  }();
  return node;
}

void warn_about_hydra_keys(const ConfigNode& hydra) {
  warn_below(hydra, default_hydra_node(), hydra_key);
}

void complete_hydra_node(ConfigNode& hydra, const std::vector<Override>& overrides, const Choices& choices,
                         const std::string& config_name) {
  set(hydra, "overrides.hydra", list_of(overrides, true));
  set(hydra, "overrides.task", list_of(overrides, false));
  ConfigNode chosen = ConfigNode::make_mapping();
  for (const auto& [group, choice] : choices) chosen.entries.emplace_back(group, choice);
  set(hydra, "runtime.choices", std::move(chosen));
  set(hydra, "runtime.cwd", ConfigNode::make_text(std::filesystem::current_path().string()));
  set(hydra, "job.override_dirname", ConfigNode::make_text(override_dirname(hydra, overrides)));
  set(hydra, "job.config_name",
      config_name.empty() ? ConfigNode::make_null() : ConfigNode::make_text(config_name));
}

std::string hydra_text(const ConfigNode& root, const std::string& path) {
  return spell(resolve_at(root, join_path(hydra_key, path)));
}

ConfigNode without_hydra(ConfigNode root) {
  root.erase(hydra_key);
  return root;
}

}  // namespace gyrus
