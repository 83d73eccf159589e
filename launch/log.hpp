#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>

namespace gyrus::log {

/// Text for people goes to stderr (rank 0 only) and, once a run directory is known, to that rank's own file.
/// Results of a verb go to stdout by the verb itself, never through here.
/// Thread safety: every function may be called from any thread.

/// @param rank  this process; only rank 0 writes to the terminal (errors of any rank do)
/// @param quiet  the terminal shows warnings and errors only
void configure(int rank, bool quiet);

/// Appends to `folder`/rank-NNNNN.log from now on. @throws DataError
void open_file(const std::filesystem::path& folder);

/// Writes everything out; called before the process ends in an unusual way.
void flush();

/// Whether stderr is a terminal on which a line may be redrawn.
bool on_terminal();

/// Shows `line` on the terminal's last line, replacing the one before; no effect when not on a terminal or
/// not rank 0.
void progress(const std::string& line);

void write_info(const std::string& message);
void write_warning(const std::string& message);
void write_error(const std::string& message);
/// Says the same thing once: a sweep reads the same files for every trial.
void write_warning_once(const std::string& message);

template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write_info(fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write_warning(fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning_once(fmt::format_string<Args...> format, Args&&... args) {
  write_warning_once(fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write_error(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace gyrus::log
