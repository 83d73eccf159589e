#pragma once

#include <string>
#include <vector>

#include "data/prepare/source_digests.hpp"
#include "data/source/cohort.hpp"

namespace gyrus {

/// A shard that is to be made: consecutive volumes of one set. The division does not depend on the number of
/// ranks, so neither do the files.
struct ShardPlan {
  std::string file;
  std::string set;
  std::vector<CohortEntry> entries;
};

/// @throws DataError as list_cohort
std::vector<ShardPlan> divide_into_shards(const DataOptions& options);

/// Digest of all that the shard's slices depend on, however they are stored: options, volumes, and the bytes
/// of their sources. A source that cannot be read counts as such: once it can be, the recipe is another.
std::string recipe_of(const DataOptions& options, const ShardPlan& plan, SourceDigests& digests);

/// image, mask, lesion -> file name and digest, of those that the entry has. @throws DataError
std::map<std::string, std::string> sources_of(const CohortEntry& entry, SourceDigests& digests);

}  // namespace gyrus
