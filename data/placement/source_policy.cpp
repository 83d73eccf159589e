#include "data/placement/source_policy.hpp"

#include <fmt/format.h>

#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

constexpr std::uint64_t memory_share = 2;  // one part of so many; the rest is the training's

PolicyChoice stage(const NodeFacts& facts) {
  return {"local_stage",
          fmt::format("{} of shards on {}, {} of room on the node's disk", format_bytes(facts.shards_bytes),
                      facts.network_file_system.empty() ? "a local disk" : facts.network_file_system,
                      format_bytes(facts.stage_bytes))};
}

}  // namespace

PolicyChoice choose_policy(const std::string& asked, const NodeFacts& facts) {
  const std::string memory = fmt::format("{} decoded, {} of memory free on the node",
                                         format_bytes(facts.cache_bytes), format_bytes(facts.memory_bytes));
  const bool fits_memory = facts.cache_bytes <= facts.memory_bytes / memory_share;
  if (asked == "stream" || asked == "device_cache") return {asked, "as asked"};
  if (asked == "node_cache" && !fits_memory)
    throw ConfigError(
        fmt::format("data.source_policy=node_cache: the training set takes {}, of which half may be used; "
                    "take stream, local_stage or auto",
                    memory));
  if (fits_memory && asked != "local_stage") return {"node_cache", memory};
  if (asked == "local_stage" && !facts.has_shards)
    throw ConfigError(
        "data.source_policy=local_stage copies shards, and these are files of another program: `gyrus shards "
        "repack` makes shards of them");
  if (asked == "local_stage") return stage(facts);  // which says itself when there is no room
  if (facts.network_file_system.empty())
    return {"stream", fmt::format("{}, and the shards are on the node's own disk", memory)};
  if (!facts.has_shards || facts.shards_bytes > facts.stage_bytes)
    return {"stream", fmt::format("{}, and {} of shards do not fit into {} on the node's disk", memory,
                                  format_bytes(facts.shards_bytes), format_bytes(facts.stage_bytes))};
  return stage(facts);
}

}  // namespace gyrus
