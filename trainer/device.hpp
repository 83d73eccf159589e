#pragma once

#include <torch/types.h>

#include <string>

#include "launch/topology.hpp"

namespace gyrus {

/// The device of this rank: GPU number local_rank of its node, or the CPU. @param wanted  auto | cpu | cuda
/// @throws ConfigError when a GPU is asked for and none is there; NotBuiltError when this build cannot use it
torch::Device choose_device(const std::string& wanted, const Topology& topology);

/// Sets LibTorch's threads: one per core of this rank's share of the node, unless OMP_NUM_THREADS says
/// otherwise. Two threads that share a busy core are several times slower than one.
void set_compute_threads(const Topology& topology);

}  // namespace gyrus
