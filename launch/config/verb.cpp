#include "launch/config/verb.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "launch/command_line.hpp"
#include "launch/config/binder.hpp"
#include "launch/config/node.hpp"

namespace gyrus {
namespace {

using Visit = std::function<void(Fields&)>;

/// Lets Config::bind walk options that are known only by their visitor.
struct VisitedOptions {
  const Visit& visit;
  void fields(Fields& f) { visit(f); }
};

int show(const Config& config, const Visit& visit, bool as_json) {
  VisitedOptions options{visit};
  config.bind(options);
  fmt::print("{}", as_json ? config.to_json() : config.to_yaml());
  return 0;
}

void explain_leaf(const ConfigNode& node, const std::string& path,
                  const std::vector<OptionDescription>& options) {
  fmt::print("{}\n", path);
  for (const OptionDescription& option : options) {
    if (option.path == path) fmt::print("    {:<24} default of the program\n", option.default_text);
  }
  for (const ReplacedValue& layer : node.replaced) {
    fmt::print("    {:<24} {}\n", layer.value, layer.origin.describe());
  }
  fmt::print("  * {:<24} {}\n", spell(node), node.origin.describe());
}

void explain_below(const ConfigNode& node, const std::string& path,
                   const std::vector<OptionDescription>& options) {
  if (!node.is_mapping()) return explain_leaf(node, path, options);
  for (const auto& [key, value] : node.entries) explain_below(value, join_path(path, key.text), options);
}

int explain(const Config& config, const Visit& visit, const std::string& path) {
  const std::vector<OptionDescription> options = describe_options(visit);
  if (const ConfigNode* node = config.root().find_path(path)) {
    explain_below(*node, path, options);
    return 0;
  }
  std::vector<std::string> known;
  for (const OptionDescription& option : options) {
    known.push_back(option.path);
    if (option.path != path) continue;
    fmt::print("{}\n  * {:<24} default of the program\n", path, option.default_text);
    return 0;
  }
  const std::string suggestion = nearest_word(path, known);
  throw ConfigError(fmt::format("{} is not an option{}; `gyrus config options --search WORD` looks for one",
                                path, suggestion.empty() ? "" : "; did you mean " + suggestion + "?"));
}

/// Type, unit and rule in one phrase: "number, seconds, at least 0".
std::string describe_type(const OptionDescription& option) {
  std::vector<std::string> parts = {option.type};
  if (*option.rules.unit) parts.push_back(option.rules.unit);
  if (const std::string rules = describe_rules(option.rules); !rules.empty()) parts.push_back(rules);
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string escape_table_cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.replace(at, 1, "\\|");
  return text;
}

int list_options(const Visit& visit, const std::string& word, bool as_markdown) {
  if (as_markdown) fmt::print("| option | default | type | meaning |\n|---|---|---|---|\n");
  for (const OptionDescription& option : describe_options(visit)) {
    if ((option.path + " " + option.help).find(word) == std::string::npos) continue;
    if (as_markdown) {
      fmt::print("| `{}` | `{}` | {} | {} |\n", option.path, escape_table_cell(option.default_text),
                 escape_table_cell(describe_type(option)), escape_table_cell(option.help));
    } else {
      fmt::print("{} = {}  ({})\n    {}\n", option.path, option.default_text, describe_type(option),
                 option.help);
    }
  }
  return 0;
}

}  // namespace

int config_verb(const std::vector<std::string>& arguments, const Visit& visit_all_options) {
  CLI::App app("The composed configuration, where its values came from, and all options", "gyrus config");
  app.require_subcommand(1);

  ConfigArguments of_show, of_explain;
  bool as_json = false;
  CLI::App* show_command = app.add_subcommand("show", "print the resolved configuration after checking it");
  show_command->add_flag("--json", as_json, "JSON instead of YAML");
  of_show.add_to(*show_command);

  std::string key;
  CLI::App* explain_command =
      app.add_subcommand("explain", "print every layer that set a key; * marks the one that counts");
  explain_command->add_option("key", key, "dotted path of an option or a group of options")->required();
  of_explain.add_to(*explain_command);

  std::string word;
  bool as_markdown = false;
  CLI::App* options_command = app.add_subcommand("options", "list all options with their defaults");
  options_command->add_option("--search", word, "only options whose name or description holds this word");
  options_command->add_flag("--markdown", as_markdown, "a Markdown table");

  if (!parse_arguments(app, arguments)) return 0;
  if (show_command->parsed()) return show(of_show.compose(), visit_all_options, as_json);
  if (explain_command->parsed()) return explain(of_explain.compose(), visit_all_options, key);
  return list_options(visit_all_options, word, as_markdown);
}

}  // namespace gyrus
