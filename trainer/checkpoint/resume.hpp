#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "data/dataset.hpp"
#include "trainer/checkpoint/store.hpp"

namespace gyrus {

/// Where a run goes on. `wanted` is checkpoint.resume: auto takes the newest checkpoint of the store whose
/// every byte is right and names what a damaged one costs; never, or a path, as it says.
/// @returns an empty path to start at step 0
/// @throws FatalStateError when there are checkpoints and none is valid; ConfigError for `never` beside
/// checkpoints; DataError for a damaged one that was asked for
std::filesystem::path choose_checkpoint(const CheckpointStore& store, const std::string& wanted);

/// Whether a run with these options and data may go on from `state`, read from `where`.
/// @throws ConfigError listing each option that changed, or naming the data
void check_same_run(const TrainState& state, const std::string& where,
                    const std::map<std::string, std::string>& fixed_options, const Dataset& dataset);

}  // namespace gyrus
