#include "launch/topology.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace gyrus {

int usable_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const bool known = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  const int bound_to = known ? CPU_COUNT(&allowed) : 1;
  const char* given = std::getenv("SLURM_CPUS_PER_TASK");
  const int of_task = given != nullptr ? std::atoi(given) : 0;
  return of_task > 0 ? std::min(bound_to, of_task) : bound_to;
}

Topology find_topology(const mpi::Communicator& communicator) {
  Topology topology;
  topology.rank = communicator.rank();
  topology.world_size = communicator.size();
  const mpi::Communicator node = communicator.split_by_node();
  topology.local_rank = node.rank();
  topology.local_size = node.size();
  // Each node's first rank marks itself; a node's number is the count of marks before it.
  std::vector<std::int64_t> leads(static_cast<std::size_t>(communicator.size()), 0);
  leads[communicator.rank()] = node.rank() == 0 ? 1 : 0;
  communicator.sum_in_place(leads);
  const int leader = static_cast<int>(-node.max<std::int64_t>(-communicator.rank()));
  topology.num_nodes = 0;
  for (int rank = 0; rank < communicator.size(); ++rank) {
    if (rank == leader) topology.node = topology.num_nodes;
    topology.num_nodes += static_cast<int>(leads[rank]);
  }
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  topology.cores = usable_cores();
  topology.ranks_on_these_cores = 0;
  for (const auto& of_peer : node.all_gather(allowed))
    if (CPU_EQUAL(&of_peer, &allowed)) ++topology.ranks_on_these_cores;
  topology.host = host_name();
  return topology;
}

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace gyrus
