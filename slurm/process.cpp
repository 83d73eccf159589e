#include "slurm/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

struct Pipe {
  FileDescriptor read_end, write_end;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw Error(ExitCode::internal, fmt::format("no pipe: {}", std::strerror(errno)));
    }
    read_end = FileDescriptor(ends[0]);
    write_end = FileDescriptor(ends[1]);
  }
};

/// @param output, errors  where the child's stdout and stderr go; -1 leaves them
pid_t start(const std::vector<std::string>& command, int output, int errors) {
  require(!command.empty(), "a command has a program");
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw Error(ExitCode::internal, fmt::format("no process: {}", std::strerror(errno)));
  if (child > 0) return child;
  // Between fork and exec only plain system calls are safe.
  if (output >= 0) ::dup2(output, STDOUT_FILENO);
  if (errors >= 0) ::dup2(errors, STDERR_FILENO);
  ::execvp(arguments[0], arguments.data());
  const char* reason = std::strerror(errno);
  ::dprintf(STDERR_FILENO, "%s: %s\n", arguments[0], reason);
  ::_exit(127);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      throw Error(ExitCode::internal, fmt::format("lost a child process: {}", std::strerror(errno)));
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

ProcessResult run_and_capture(const std::vector<std::string>& command) {
  Pipe output, errors;
  const pid_t child = start(command, output.write_end.get(), errors.write_end.get());
  output.write_end.reset();
  errors.write_end.reset();
  ProcessResult result;
  std::array<pollfd, 2> streams = {pollfd{output.read_end.get(), POLLIN, 0},
                                   pollfd{errors.read_end.get(), POLLIN, 0}};
  std::array<std::string*, 2> texts = {&result.output, &result.errors};
  for (int num_open = 2; num_open > 0;) {
    if (::poll(streams.data(), streams.size(), -1) < 0) continue;  // a signal
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (streams[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t got = ::read(streams[i].fd, buffer, sizeof buffer);
      if (got > 0) {
        texts[i]->append(buffer, static_cast<std::size_t>(got));
      } else if (got == 0 || errno != EINTR) {
        streams[i].fd = -1;  // poll skips it
        --num_open;
      }
    }
  }
  result.exit_code = wait_for(child);
  return result;
}

int run_and_wait(const std::vector<std::string>& command) {
  return wait_for(start(command, -1, -1));
}

std::filesystem::path this_program() {
  return std::filesystem::read_symlink("/proc/self/exe");
}

}  // namespace gyrus
