#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>

#include "launch/mpi.hpp"

namespace c10d {
class Backend;
class ProcessGroup;
}  // namespace c10d

namespace gyrus {

/// The ranks of a job as c10d sees them: NCCL for tensors on a GPU, our MPI backend for tensors on the CPU.
/// Collective. @throws NotBuiltError for a GPU in a build without CUDA
c10::intrusive_ptr<c10d::ProcessGroup> make_process_group(const mpi::Communicator& communicator,
                                                          torch::Device device);

/// Sums a small tensor over ranks, at once, in place: batch statistics, counts. Collective in every call. On
/// the CPU it runs on the calling thread over its own communicator, so it never waits behind gradient
/// buckets. Collective to make.
std::function<void(torch::Tensor&)> make_sum_over_ranks(const mpi::Communicator& communicator,
                                                        const c10::intrusive_ptr<c10d::ProcessGroup>& group,
                                                        torch::Device device);

/// One NCCL communicator; in nccl_backend.cpp, or in nccl_absent.cpp for builds without CUDA. Collective.
c10::intrusive_ptr<c10d::Backend> make_nccl_backend(const mpi::Communicator& communicator,
                                                    torch::Device device);

}  // namespace gyrus
