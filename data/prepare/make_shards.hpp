#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/prepare/plan.hpp"
#include "data/shard/manifest.hpp"

namespace gyrus {

/// What became of the shards of one rank.
struct MadeShards {
  std::vector<ManifestShard> shards;   // in the order of the plans, without those that could not be made
  std::vector<FailedVolume> failures;  // in the order of the plans
  std::int64_t num_made = 0;           // the other shards were there already
};

/// Makes the planned shards in `options.root`, volumes in parallel threads. A shard whose file was made by
/// the same recipe stays as it is. A volume that cannot be made does not stop the others; with
/// data.on_error=skip its shard is written without it, with fail its shard is left out.
/// @param num_threads  at least 1
/// @param listed  shards that a manifest vouches for: their content is not read again
/// Memory: per thread one volume, and the encoded shards in progress, about one more than the threads span.
/// @throws DataError when a shard cannot be written (full disk)
MadeShards make_shards(const DataOptions& options, const std::vector<const ShardPlan*>& plans,
                       const std::vector<ManifestShard>& listed, SourceDigests& digests, int num_threads);

}  // namespace gyrus
