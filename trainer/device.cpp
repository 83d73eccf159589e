#include "trainer/device.hpp"

#include <fmt/format.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "launch/error.hpp"

namespace gyrus {

torch::Device choose_device(const std::string& wanted, const Topology& topology) {
  if (wanted == "cpu") return torch::kCPU;
  const auto devices = static_cast<int>(torch::cuda::device_count());
  if (devices == 0 && wanted == "auto") return torch::kCPU;
  if (devices == 0)
    throw ConfigError(
        fmt::format("trainer.device=cuda, but {} shows no GPU to this program; ask the scheduler for one "
                    "(submit.gpus_per_node), build "
                    "the preset `cuda`, or set trainer.device=cpu",
                    topology.host));
  if (topology.local_size > devices)
    throw ConfigError(fmt::format("{} ranks share the {} GPU(s) of {}; start one rank per GPU",
                                  topology.local_size, devices, topology.host));
  at::globalContext().setAllowTF32CuDNN(false);
  return torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(topology.local_rank));
}

void set_compute_threads(const Topology& topology) {
  if (std::getenv("OMP_NUM_THREADS") != nullptr) return;
  // A process that is bound to some cores owns them; one that may run anywhere shares the node with its
  // neighbours.
  const bool bound = topology.cores < static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  torch::set_num_threads(std::max(1, bound ? topology.cores : topology.cores / topology.local_size));
}

}  // namespace gyrus
