#pragma once

#include <algorithm>
#include <string>

#include "launch/mpi.hpp"

namespace gyrus {

/// Where this rank runs.
struct Topology {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;  // among the ranks of this node
  int local_size = 1;
  int node = 0;  // nodes are numbered in the order of their lowest rank
  int num_nodes = 1;
  int cores = 1;                 // that this process may run on
  int ranks_on_these_cores = 1;  // of this node that may run on the very same ones, this rank included
  std::string host;

  /// Cores for this rank alone, 1 at least: ranks that may run on the same ones share them.
  int own_cores() const { return std::max(1, cores / ranks_on_these_cores); }
};

/// Cores that this process may use: those that it is bound to, or fewer where SLURM gave it fewer
/// (SLURM_CPUS_PER_TASK; not every site binds its tasks).
int usable_cores();

/// Collective.
Topology find_topology(const mpi::Communicator& communicator);

/// Of this machine, as messages and locks name it.
std::string host_name();

}  // namespace gyrus
