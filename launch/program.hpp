#pragma once

#include <functional>

namespace gyrus {

/// Runs the whole program and returns its exit code: the one place where an error becomes a message and a
/// code. An error that all ranks share (ConfigError, FatalStateError, AgreedError) is printed by rank 0 and
/// ends MPI in good order; any other one is this rank's own and ends the job on all ranks with MPI_Abort.
int run_program(const std::function<int()>& body);

}  // namespace gyrus
