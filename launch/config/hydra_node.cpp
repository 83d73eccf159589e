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

[[noreturn]] void fail(const ConfigNode& given, const std::string& path, const char* wanted) {
  throw CompositionError("type_conflict",
                         fmt::format("{} ({}) is {}; {} is wanted", path, given.origin.describe(),
                                     describe_value(given), wanted));
}

/// Scalars that have a default of text may not be null or lists; null defaults accept any scalar.
void check_below(const ConfigNode& given, const ConfigNode& known, const std::string& path) {
  const bool is_container = given.is_list() || given.is_mapping();
  if (known.is_mapping() && !given.is_mapping()) fail(given, path, "a mapping");
  if (known.is_list() && !given.is_list() && !given.has_interpolation()) fail(given, path, "a list");
  if (!known.is_mapping() && !known.is_list() && is_container) fail(given, path, "a single value");
  if (known.is_text() && given.is_null() && path != "hydra.output_subdir") fail(given, path, "a text");
  if (!known.is_mapping() || known.entries.empty()) return;
  for (const auto& [key, value] : given.entries) {
    const std::string deeper = join_path(path, key.text);
    if (const ConfigNode* twin = known.find(key))
      check_below(value, *twin, deeper);
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

void check_hydra_node(const ConfigNode& hydra) {
  check_below(hydra, default_hydra_node(), hydra_key);
  const ConfigNode& mode = *hydra.find("mode");
  if (!mode.is_null() && mode.text != "RUN" && mode.text != "MULTIRUN")
    fail(mode, "hydra.mode", "RUN or MULTIRUN");
  for (const auto& [key, value] : hydra.find_path("sweeper.params")->entries)
    if (value.is_null()) fail(value, "hydra.sweeper.params." + key.text, "a value or a sweep");
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
