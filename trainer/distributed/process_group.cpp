#include "trainer/distributed/process_group.hpp"

#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "trainer/distributed/mpi_backend.hpp"

namespace gyrus {

c10::intrusive_ptr<c10d::ProcessGroup> make_process_group(const mpi::Communicator& communicator,
                                                          torch::Device device) {
  // Ranks meet through MPI; the store that c10d asks for stays local.
  auto group = c10::make_intrusive<c10d::ProcessGroup>(c10::make_intrusive<c10d::HashStore>(),
                                                       communicator.rank(), communicator.size());
  const auto cpu = c10::make_intrusive<MpiBackend>(communicator.duplicate());
  group->setBackend(torch::kCPU, c10d::ProcessGroup::BackendType::CUSTOM, cpu);
  group->setDefaultBackend(c10d::ProcessGroup::BackendType::CUSTOM);
  if (device.is_cuda())
    group->setBackend(torch::kCUDA, c10d::ProcessGroup::BackendType::NCCL,
                      make_nccl_backend(communicator, device));
  return group;
}

std::function<void(torch::Tensor&)> make_sum_over_ranks(const mpi::Communicator& communicator,
                                                        const c10::intrusive_ptr<c10d::ProcessGroup>& group,
                                                        torch::Device device) {
  if (device.is_cuda())
    return [group](torch::Tensor& tensor) {
      std::vector<torch::Tensor> tensors = {tensor};
      group->allreduce(tensors)->wait();
    };
  auto own = std::make_shared<mpi::Communicator>(communicator.duplicate());
  return [own](torch::Tensor& tensor) { sum_in_rank_order(*own, tensor); };
}

}  // namespace gyrus
