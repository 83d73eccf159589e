#include "launch/config/verb.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

#include "launch/command_line.hpp"
#include "launch/config/binder.hpp"
#include "launch/config/hydra_node.hpp"
#include "launch/config/node.hpp"
#include "launch/config/yaml_writer.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

using Visit = std::function<void(Fields&)>;

/// Lets Config::bind walk options that are known only by their visitor.
struct VisitedOptions {
  const Visit& visit;
  void fields(Fields& f) { visit(f); }
};

struct ShowArguments {
  ConfigArguments config;
  std::string package;
  bool as_json = false, unresolved = false;
};

int show(const ShowArguments& given, const Visit& visit) {
  const Config config = given.config.compose();
  VisitedOptions options{visit};
  config.bind(options);
  const ConfigNode tree = given.unresolved ? without_hydra(*config.composed()) : config.root();
  const ConfigNode* node = tree.find_path(given.package);
  if (!node) {
    std::vector<std::string> known;
    for (const auto& [key, value] : tree.entries) known.push_back(key.text);
    for (const OptionDescription& option : describe_options(visit))
      if (option.path.starts_with(given.package + "."))
        throw ConfigError(
            fmt::format("--package {0}: no file and no override sets anything there; `gyrus config "
                        "options --search {0}` lists the program's defaults",
                        given.package));
    throw ConfigError(fmt::format("--package {}: the configuration has no such group; it has: {}",
                                  given.package, fmt::join(known, ", ")));
  }
  if (given.as_json)
    fmt::print("{}", write_json(*node));
  else
    fmt::print("{}", given.unresolved ? write_unresolved_yaml(*node) : write_yaml(*node));
  return 0;
}

/// At blanks outside quotes and brackets.
std::vector<std::string> split_overrides(const std::string& word) {
  std::vector<std::string> parts;
  int open = 0;
  char quote = '\0';
  bool begins = true;
  for (const char c : word) {
    if (c == ' ' && quote == '\0' && open == 0) {
      begins = true;
      continue;
    }
    if (begins) parts.emplace_back();
    begins = false;
    parts.back() += c;
    if (quote != '\0')
      quote = c == quote ? '\0' : quote;
    else if (c == '\'' || c == '"')
      quote = c;
    else
      open += (c == '[' || c == '{' || c == '(') - (c == ']' || c == '}' || c == ')');
  }
  return parts;
}

/// The configuration that a word of `config diff` names: a run folder, a YAML file, or overrides separated by
/// blanks.
Config config_named(const std::string& word) {
  namespace fs = std::filesystem;
  if (fs::is_directory(word)) return Config::load(fs::path(word) / "config.yaml");
  if (word.ends_with(".yaml") && word.find('=') == std::string::npos) return Config::load(word);
  ConfigArguments arguments;
  for (const std::string& text : split_overrides(word)) {
    if (text.find('=') == std::string::npos && text.front() != '~')
      throw ConfigError(fmt::format("{} is neither a run folder, nor a YAML file, nor overrides", word));
    arguments.overrides.push_back(text);
  }
  return arguments.compose();
}

int diff(const std::vector<std::string>& words, const Visit& visit) {
  const std::vector<OptionDescription> a = bound_options(config_named(words[0]).root(), visit);
  const std::vector<OptionDescription> b = bound_options(config_named(words[1]).root(), visit);
  const auto value_in = [](const std::vector<OptionDescription>& options, const std::string& path) {
    const auto found = std::ranges::find(options, path, &OptionDescription::path);
    return found == options.end() ? std::string("-") : found->default_text;
  };
  std::vector<OptionDescription> all = a;  // a source of data may be there on one side alone
  for (const OptionDescription& option : b)
    if (std::ranges::find(a, option.path, &OptionDescription::path) == a.end()) all.push_back(option);
  int num_differences = 0;
  for (const OptionDescription& option : all) {
    const std::string before = value_in(a, option.path), after = value_in(b, option.path);
    if (before == after) continue;
    ++num_differences;
    fmt::print("{} {}: {} -> {}\n", option.rules.may_change_on_resume ? " " : "!", option.path, before,
               after);
  }
  if (num_differences == 0)
    fmt::print("no difference\n");
  else
    fmt::print("{} options differ; a run that is resumed keeps those marked !\n", num_differences);
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
  VisitedOptions all{visit};
  config.bind(all);
  const std::vector<OptionDescription> options = describe_options(visit);
  const bool is_of_hydra = path == hydra_key || path.starts_with(std::string(hydra_key) + ".");
  const ConfigNode& tree = is_of_hydra ? *config.composed() : config.root();
  if (const ConfigNode* node = tree.find_path(path)) {
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

int digest(const Config& config, const Visit& visit) {
  std::map<std::string, std::string> fixed;
  for (const OptionDescription& option : bound_options(config.root(), visit))
    if (!option.rules.may_change_on_resume) fixed[option.path] = option.default_text;
  fmt::print("{}\n", options_digest(fixed));
  return 0;
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
  if (as_markdown) fmt::print("| option | default | type | meaning | on resume |\n|---|---|---|---|---|\n");
  const auto lower = [](std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
  };
  bool found = false;
  for (const OptionDescription& option : describe_options(visit)) {
    if (lower(option.path + " " + option.help).find(lower(word)) == std::string::npos) continue;
    found = true;
    if (as_markdown) {
      fmt::print("| `{}` | `{}` | {} | {} | {} |\n", option.path, escape_table_cell(option.default_text),
                 escape_table_cell(describe_type(option)), escape_table_cell(option.help),
                 option.rules.may_change_on_resume ? "may change" : "kept");
    } else {
      fmt::print("{} = {}  ({})\n    {}\n", option.path, option.default_text, describe_type(option),
                 option.help);
    }
  }
  if (!found) log::warning("no option's name or description holds '{}'", word);
  return 0;
}

}  // namespace

int config_verb(const std::vector<std::string>& arguments, const Visit& visit_all_options) {
  CLI::App app("The composed configuration, where its values came from, and all options", "gyrus config");
  app.require_subcommand(1);

  ShowArguments to_show;
  CLI::App* show_command = app.add_subcommand("show", "print the resolved configuration after checking it");
  show_command->add_flag("--json", to_show.as_json, "JSON instead of YAML");
  show_command->add_option("--package", to_show.package, "only the group at this dotted path")
      ->type_name("PATH");
  show_command->add_flag("--unresolved", to_show.unresolved, "keep interpolations as they are written");
  to_show.config.add_to(*show_command);

  ConfigArguments of_explain, of_digest;
  std::string key;
  CLI::App* explain_command =
      app.add_subcommand("explain", "print every layer that set a key; * marks the one that counts");
  explain_command->add_option("key", key, "dotted path of an option or a group of options")->required();
  of_explain.add_to(*explain_command);

  std::vector<std::string> sides;
  CLI::App* diff_command = app.add_subcommand("diff", "print the options in which two configurations differ");
  diff_command
      ->add_option("sides", sides,
                   "two of: a run folder, a YAML file, overrides in quotes ('' for the defaults)")
      ->expected(2)
      ->required();

  CLI::App* digest_command = app.add_subcommand(
      "digest", "print the digest of the options that a run keeps when it is resumed, as in its state.json");
  of_digest.add_to(*digest_command);

  std::string word;
  bool as_markdown = false;
  CLI::App* options_command = app.add_subcommand("options", "list all options with their defaults");
  options_command->add_option("--search", word, "only options whose name or description holds this word");
  options_command->add_flag("--markdown", as_markdown, "a Markdown table");

  if (!parse_arguments(app, arguments)) return 0;
  if (show_command->parsed()) return show(to_show, visit_all_options);
  if (explain_command->parsed()) return explain(of_explain.compose(), visit_all_options, key);
  if (diff_command->parsed()) return diff(sides, visit_all_options);
  if (digest_command->parsed()) return digest(of_digest.compose(), visit_all_options);
  return list_options(visit_all_options, word, as_markdown);
}

}  // namespace gyrus
