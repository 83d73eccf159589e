#pragma once

#include <string>
#include <vector>

#include "data/options.hpp"
#include "launch/config/config.hpp"
#include "launch/mpi.hpp"

namespace gyrus {

/// Makes the shards of `options` in `options.root` unless they are there already. Collective; volumes are
/// divided over the ranks, rank 0 writes the manifest last.
/// @return whether anything had to be made
/// A folder that was prepared with other options stays as it is.
/// @throws AgreedError on every rank when any rank fails, with the exit code of that failure
bool prepare_dataset(const DataOptions& options, const mpi::Communicator& world);

/// `gyrus prepare [override ...]`. @param check  throws when the whole configuration has a mistake
int prepare_verb(const std::vector<std::string>& arguments, const CheckConfig& check);

}  // namespace gyrus
