#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "launch/error.hpp"
#include "trainer/distributed/process_group.hpp"

namespace gyrus {

c10::intrusive_ptr<c10d::Backend> make_nccl_backend(const mpi::Communicator&, torch::Device) {
  throw NotBuiltError(
      "this gyrus was built without CUDA: build the preset `cuda` (scripts/setup.sh cuda), or set "
      "trainer.device=cpu");
}

}  // namespace gyrus
