#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "launch/config/config.hpp"

namespace gyrus {

/// A verb of the command line: `gyrus NAME ...`. `run` receives the arguments after the verb's name, throws
/// gyrus::Error, and returns the exit code.
struct Verb {
  const char* name;
  const char* summary;
  std::function<int(const std::vector<std::string>& arguments)> run;
  // What completion offers:
  bool takes_overrides = false;
  std::vector<std::string> commands = {};
  bool commands_are_optional = false;           // overrides may stand in the place of a command
  std::vector<std::string> file_commands = {};  // commands that take folders or files
  std::string key_command = {};                 // the command whose first word is the path of an option
};

/// Runs the verb that the first word names with the rest of the words; prints the table of verbs for --help
/// or no word. @throws ConfigError for an unknown verb, and what the verb throws
int run_verb(const std::vector<std::string>& words, std::span<const Verb> verbs);

/// The arguments that every verb with a configuration takes: [override ...], -c/--config-name, --config-dir,
/// --quiet.
struct ConfigArguments {
  std::string config_name = "config";
  std::vector<std::string> config_folders;
  std::vector<std::string> overrides;
  bool quiet = false;

  void add_to(CLI::App& app);
  /// @throws ConfigError when there is no folder of configs
  ComposeRequest request() const;
  /// @throws ConfigError
  Config compose() const { return Config::compose(request()); }
};

/// Parses the arguments of a verb. `--help` prints the help to stdout and returns false: the verb returns 0
/// then.
/// @throws ConfigError with CLI11's message and the usage line
bool parse_arguments(CLI::App& app, std::vector<std::string> arguments);

}  // namespace gyrus
