#pragma once

#include <filesystem>
#include <vector>

#include "data/prepare/plan.hpp"
#include "data/shard/manifest.hpp"

namespace gyrus {

/// Refuses a folder in which a preparation would overwrite what is not its own: HDF5 files of another program
/// under the names of planned shards, another program's sources.json. A file that cannot be opened as HDF5 is
/// taken for a damaged shard where a preparation has been before, and for another program's elsewhere.
/// @pre the lock of this preparation is not taken yet: its file is the trace of an earlier one
/// @param listed  shards of the folder's manifest: a file of the listed size is not looked into
/// @throws DataError
void refuse_foreign_files(const std::filesystem::path& root, const std::vector<ShardPlan>& plans,
                          const std::vector<ManifestShard>& listed);

}  // namespace gyrus
