#include "trainer/device.hpp"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <cstdlib>

#include "launch/agree.hpp"
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
  const torch::Device device(torch::kCUDA, static_cast<torch::DeviceIndex>(topology.local_rank));
  // Else what names no device (page-locked memory) would take memory of the node's first GPU for each rank.
  c10::impl::VirtualGuardImpl(device.type()).setDevice(device);
  return device;
}

torch::Device agree_on_device(const mpi::Communicator& communicator, const std::string& wanted,
                              const Topology& topology) {
  torch::Device device = torch::kCPU;
  on_every_rank(communicator, [&] { device = choose_device(wanted, topology); });
  const int num_on_gpu = communicator.sum<std::int32_t>(device.is_cuda() ? 1 : 0);
  if (num_on_gpu != 0 && num_on_gpu != communicator.size())
    throw AgreedError(
        ExitCode::configuration,
        fmt::format("trainer.device=auto: {} of {} ranks see a GPU; start on nodes that are alike, "
                    "or set trainer.device=cpu",
                    num_on_gpu, communicator.size()));
  return device;
}

void set_compute_threads(const Topology& topology) {
  if (std::getenv("OMP_NUM_THREADS") != nullptr) return;
  torch::set_num_threads(topology.own_cores());
}

}  // namespace gyrus
