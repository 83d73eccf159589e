#include "trainer/distributed/replicas.hpp"

#include <fmt/format.h>

#include "launch/error.hpp"
#include "launch/topology.hpp"
#include "trainer/state_tensors.hpp"

namespace gyrus {

void check_replicas(const mpi::Communicator& communicator, const torch::nn::Module& model,
                    const std::string& advice) {
  const auto digests = communicator.all_gather(weights_digest(named_state(model)));
  for (std::size_t rank = 1; rank < digests.size(); ++rank) {
    if (digests[rank] == digests[0]) continue;
    const auto hosts = communicator.all_gather_text(host_name());  // every rank sees the difference
    throw AgreedError(
        ExitCode::communication,
        fmt::format("the weights of rank {} ({}) differ from those of rank 0 ({}): memory or network may be "
                    "faulty. {}",
                    rank, hosts[rank], hosts[0], advice));
  }
}

}  // namespace gyrus
