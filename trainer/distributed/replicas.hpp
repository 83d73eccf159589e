#pragma once

#include <torch/nn/module.h>

#include <string>

#include "launch/mpi.hpp"

namespace gyrus {

/// Compares the ranks' weights, bit for bit. Data-parallel ranks start from equal weights and make equal
/// updates; once they differ (faulty memory, a faulty network) all that follows is wrong. Collective.
/// @param advice  what the message adds after the rank and its node
/// @throws AgreedError with ExitCode::communication, naming the first rank that differs from rank 0
void check_replicas(const mpi::Communicator& communicator, const torch::nn::Module& model,
                    const std::string& advice);

}  // namespace gyrus
