#include "launch/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "launch/config/node.hpp"
#include "launch/error.hpp"
#include "launch/version.hpp"

namespace gyrus {

int run_verb(const std::vector<std::string>& words, std::span<const Verb> verbs) {
  const std::string name = words.empty() ? "--help" : words.front();
  std::vector<std::string> names;
  for (const Verb& verb : verbs) {
    if (name == verb.name) return verb.run({words.begin() + 1, words.end()});
    names.emplace_back(verb.name);
  }
  if (name != "--help" && name != "-h") {
    const std::string suggestion = nearest_word(name, names);
    throw ConfigError(fmt::format("gyrus has no verb '{}'{}; `gyrus --help` lists them", name,
                                  suggestion.empty() ? "" : ", did you mean " + suggestion + "?"));
  }
  fmt::print(
      "gyrus {}: trains conditioned diffusion models that find anomalies in brain MRI\n\nusage: gyrus VERB "
      "[arguments]\n\n",
      version);
  for (const Verb& verb : verbs) fmt::print("  {:<12}{}\n", verb.name, verb.summary);
  fmt::print("\n`gyrus VERB --help` explains a verb, `gyrus config options` lists every option.\n");
  return 0;
}

void ConfigArguments::add_to(CLI::App& app) {
  app.add_option("-c,--config-name", config_name, "primary config, without .yaml")->capture_default_str();
  app.add_option("--config-dir", config_folders,
                 "a further folder of configs, searched after the program's own")
      ->type_name("FOLDER")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--quiet", quiet, "show warnings and errors only");
  app.add_option("overrides", overrides, "key=value, group=option, +key=value, ~key")->type_name("");
}

ComposeRequest ConfigArguments::request() const {
  ComposeRequest request;
  request.config_folder = find_config_folder();
  request.extra_folders.assign(config_folders.begin(), config_folders.end());
  request.config_name = config_name;
  request.overrides = overrides;
  request.allow_new_keys = true;
  return request;
}

bool parse_arguments(CLI::App& app, std::vector<std::string> arguments) {
  const std::string typed = arguments.empty() ? "" : arguments.front();
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(arguments));
    return true;
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return false;
  } catch (const CLI::ParseError& error) {
    std::vector<std::string> commands;
    for (const CLI::App* command : app.get_subcommands(nullptr)) commands.push_back(command->get_name());
    const std::string meant = typed.empty() || typed.front() == '-' ? "" : nearest_word(typed, commands);
    if (!meant.empty() && meant != typed)
      throw ConfigError(
          fmt::format("{} has no command '{}', did you mean {}?", app.get_name(), typed, meant));
    throw ConfigError(
        fmt::format("{}: {}; `{} --help` lists what it takes", app.get_name(), error.what(), app.get_name()));
  }
}

}  // namespace gyrus
