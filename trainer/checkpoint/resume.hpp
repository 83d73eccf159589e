#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "data/dataset.hpp"
#include "trainer/checkpoint/store.hpp"

namespace gyrus {

/// Where a run goes on. `wanted` is checkpoint.resume: auto takes the newest checkpoint of the store whose
/// every byte is right and names what a damaged one costs; never starts anew; a path is where a run without
/// checkpoints of its own starts, afterwards it is the same as auto.
/// @returns an empty path to start at step 0
/// @throws FatalStateError when there are checkpoints and none is valid; ConfigError for `never` beside
/// checkpoints; DataError for a damaged one that was asked for
std::filesystem::path choose_checkpoint(const CheckpointStore& store, const std::string& wanted);

/// One line for each option of `now` that is not as in `then`; empty when nothing changed.
std::string list_changes(const std::map<std::string, std::string>& then,
                         const std::map<std::string, std::string>& now);

/// Whether a run with these options and data may go on from `state`, read from `where`. An imported
/// checkpoint knows neither and fits every run of its model.
/// @throws ConfigError listing each option that changed, or naming the data
void check_same_run(const TrainState& state, const std::string& where,
                    const std::map<std::string, std::string>& fixed_options, const Dataset& dataset);

}  // namespace gyrus
