#include "launch/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <set>

#include "launch/error.hpp"

namespace gyrus::log {
namespace {

struct State {
  std::mutex mutex;
  int rank = 0;
  bool quiet = false;
  bool progress_shown = false;
  std::shared_ptr<spdlog::logger> file;
};

State& state() {
  static State instance;
  return instance;
}

void clear_progress(State& s) {
  if (s.progress_shown) std::fputs("\r\033[K", stderr);
  s.progress_shown = false;
}

void write(spdlog::level::level_enum level, const char* prefix, const std::string& message) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  if (s.file) s.file->log(level, message);
  const bool important = level >= spdlog::level::warn;
  const bool speaks = s.rank == 0 || level >= spdlog::level::err;
  if (!speaks || (s.quiet && !important)) return;
  clear_progress(s);
  std::fprintf(stderr, "%s%s\n", prefix, message.c_str());
}

}  // namespace

void configure(int rank, bool quiet) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  s.rank = rank;
  s.quiet = quiet;
}

void open_file(const std::filesystem::path& folder) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  const auto path = folder / fmt::format("rank-{:05d}.log", s.rank);
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
    s.file = std::make_shared<spdlog::logger>("gyrus", sink);
    s.file->set_pattern("%Y-%m-%d %H:%M:%S.%e %L %v");
    s.file->flush_on(spdlog::level::info);
  } catch (const spdlog::spdlog_ex& problem) {
    throw DataError(fmt::format("cannot write the log {}: {}", path.string(), problem.what()));
  }
}

void flush() {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  if (s.file) s.file->flush();
  std::fflush(stderr);
}

bool on_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

void progress(const std::string& line) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  if (s.rank != 0 || s.quiet || !on_terminal()) return;
  winsize window = {};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1;
  // A line that wraps could not be drawn over.
  const std::string shown = known ? line.substr(0, window.ws_col - 1u) : line;
  std::fprintf(stderr, "\r\033[K%s", shown.c_str());
  std::fflush(stderr);
  s.progress_shown = true;
}

void write_info(const std::string& message) {
  write(spdlog::level::info, "", message);
}
void write_warning(const std::string& message) {
  write(spdlog::level::warn, "warning: ", message);
}
void write_warning_once(const std::string& message) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::lock_guard lock(mutex);
  if (said.insert(message).second) write_warning(message);
}
void write_error(const std::string& message) {
  write(spdlog::level::err, "error: ", message);
}

}  // namespace gyrus::log
