#pragma once

#include <string>
#include <vector>

#include "data/options.hpp"
#include "launch/config/config.hpp"
#include "launch/mpi.hpp"

namespace gyrus {

/// Makes the shards of `options` in `options.root`: those that are missing, or whose options or sources have
/// changed. Collective; shards are divided over the ranks, volumes over each rank's cores, and rank 0 writes
/// the manifest last. An interrupted preparation goes on where it stopped.
/// @return whether anything had to be made
/// A folder that was prepared with other options, or has files of another program where shards belong, stays
/// as it is.
/// @throws AgreedError on every rank when any rank fails, with the exit code of that failure; when volumes
/// fail and data.on_error=fail, after all others are done
bool prepare_dataset(const DataOptions& options, const mpi::Communicator& world);

/// `gyrus prepare [override ...]`. @param check  throws when the whole configuration has a mistake
int prepare_verb(const std::vector<std::string>& arguments, const CheckConfig& check);

}  // namespace gyrus
