#pragma once

#include <torch/types.h>

#include <string>

#include "launch/topology.hpp"

namespace gyrus {

/// The device of this rank: GPU number local_rank of its node, or the CPU. A GPU is the calling
/// thread's current one from now on. @param wanted  auto | cpu | cuda
/// float32 on a GPU is full float32: LibTorch's default would round convolutions to TF32.
/// @throws ConfigError when a GPU is asked for and this program sees none, or fewer than ranks
torch::Device choose_device(const std::string& wanted, const Topology& topology);

/// The same, chosen on every rank: all train on GPUs, or none does. Collective. @throws AgreedError
torch::Device agree_on_device(const mpi::Communicator& communicator, const std::string& wanted,
                              const Topology& topology);

/// Sets LibTorch's threads: one per core of this rank's share of the node, unless OMP_NUM_THREADS says
/// otherwise. Two threads that share a busy core are several times slower than one.
void set_compute_threads(const Topology& topology);

}  // namespace gyrus
