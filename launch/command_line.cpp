#include "launch/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "launch/error.hpp"

namespace gyrus {

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

Config ConfigArguments::compose() const {
  ComposeRequest request;
  request.config_folder = find_config_folder();
  request.extra_folders.assign(config_folders.begin(), config_folders.end());
  request.config_name = config_name;
  request.overrides = overrides;
  request.allow_new_keys = true;
  return Config::compose(request);
}

bool parse_arguments(CLI::App& app, std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(arguments));
    return true;
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return false;
  } catch (const CLI::ParseError& error) {
    throw ConfigError(
        fmt::format("{}: {}; `{} --help` lists what it takes", app.get_name(), error.what(), app.get_name()));
  }
}

}  // namespace gyrus
