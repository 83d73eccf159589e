#pragma once

#include <cstdint>
#include <string>

namespace gyrus {

/// What a node knows of itself and of the data when it chooses.
struct NodeFacts {
  std::uint64_t cache_bytes = 0;         // of the set, decoded
  std::uint64_t memory_bytes = 0;        // that ranks of this node may share
  std::uint64_t shards_bytes = 0;        // of the whole data set, as stored
  std::uint64_t stage_bytes = 0;         // that fit into data.stage.dir
  std::string network_file_system = {};  // that holds the shards; empty: a disk of the node
  bool has_shards = true;                // false: HDF5 files of another program
};

struct PolicyChoice {
  std::string policy;  // stream | node_cache | local_stage | device_cache
  std::string reason;  // for people
};

/// What data.source_policy comes to on a node; device_cache is the trainer's, which knows the device. `auto`:
/// the cache when it takes at most half of the free memory; else a copy on the node's disk when the shards
/// are on a network file system and fit; else stream.
/// @throws ConfigError when what is asked for cannot be
PolicyChoice choose_policy(const std::string& asked, const NodeFacts& facts);

}  // namespace gyrus
