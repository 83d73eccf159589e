#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gyrus {

/// What a finished child process left. A child killed by a signal has the exit code 128 + signal, as in a
/// shell.
struct ProcessResult {
  int exit_code = 0;
  std::string output;  // stdout
  std::string errors;  // stderr
};

/// Runs a program found in PATH with these arguments (no shell) and waits. A program that cannot be started
/// has exit code 127 and says why in `errors`. @throws Error when the system gives no process or pipe
ProcessResult run_and_capture(const std::vector<std::string>& command);

/// The same with this process's own stdout and stderr; returns the exit code.
int run_and_wait(const std::vector<std::string>& command);

/// The file of the running program.
std::filesystem::path this_program();

}  // namespace gyrus
