#pragma once

#include <memory>
#include <string>

#include "data/dataset.hpp"
#include "data/options.hpp"
#include "data/order.hpp"
#include "data/placement/local_stage.hpp"
#include "data/placement/source_policy.hpp"
#include "launch/mpi.hpp"
#include "launch/topology.hpp"

namespace gyrus {

/// A data set as the ranks of a training job read it.
struct JobData {
  std::shared_ptr<Dataset> dataset;
  PolicyChoice source;                                // of this node
  std::unique_ptr<const LocalStage> stage = nullptr;  // keeps the node's copy; on its first rank only
};

/// Opens the data set on every rank and brings the slices of `set` near, as data.source_policy says: each
/// node chooses for itself, for slices are the same bytes wherever they come from. Collective; so is
/// destroying the data set when it has a cache.
/// @throws AgreedError on every rank when any rank fails
JobData open_for_job(const DataOptions& options, const std::string& set, const mpi::Communicator& world,
                     const Topology& topology);

/// Ranks must draw from the same slices, also where a node cannot read a shard that others can.
/// Collective. @throws AgreedError when they do not
void check_same_order(const SampleOrder& order, const mpi::Communicator& world);

}  // namespace gyrus
