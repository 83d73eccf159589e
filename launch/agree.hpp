#pragma once

#include <functional>

#include "launch/mpi.hpp"

namespace gyrus {

/// Runs `action` on rank 0 alone; then every rank goes on, or every rank throws what rank 0 threw. For work
/// on shared files, whose failure must not leave the other ranks waiting in a collective. Collective.
void on_rank_zero(const mpi::Communicator& communicator, const std::function<void()>& action);

/// The same when every rank acts and any may fail: all throw the error of the lowest rank that failed.
/// Collective.
void on_every_rank(const mpi::Communicator& communicator, const std::function<void()>& action);

}  // namespace gyrus
