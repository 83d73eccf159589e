#pragma once

#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>

#include "launch/exit_code.hpp"

namespace gyrus {

/// Base of every error that ends the job. The type says who must act; `run_program` catches once and exits
/// with `code()`.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// The user edits the configuration.
struct ConfigError : Error {
  explicit ConfigError(const std::string& message) : Error(ExitCode::configuration, message) {}
};

/// A file is wrong, missing or cannot be written.
struct DataError : Error {
  explicit DataError(const std::string& message) : Error(ExitCode::data, message) {}
};

/// MPI, NCCL or a peer failed; the scheduler may start the job again.
struct CommError : Error {
  explicit CommError(const std::string& message) : Error(ExitCode::communication, message) {}
};

/// This build lacks a feature; the message names the CMake option or preset that brings it.
struct NotBuiltError : Error {
  explicit NotBuiltError(const std::string& message) : Error(ExitCode::configuration, message) {}
};

/// Starting the job again would end the same way: corrupt state, impossible plan, diverged training.
struct FatalStateError : Error {
  explicit FatalStateError(const std::string& message) : Error(ExitCode::do_not_requeue, message) {}
};

/// An error that every rank throws together (launch/agree.hpp): rank 0 alone needs to print it.
struct AgreedError : Error {
  using Error::Error;
};

/// Checks our own reasoning in every build. A failure is a bug in gyrus, never the user's fault.
/// @throws Error with ExitCode::internal, naming the caller's file and line
void require(bool condition, std::string_view what,
             std::source_location where = std::source_location::current());

}  // namespace gyrus
