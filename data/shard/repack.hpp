#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "data/storage/codec.hpp"

namespace gyrus {

struct RepackOptions {
  Codec codec = Codec::deflate;
  std::optional<bool> quantises = {};  // without: as the source is; false: a quantised source is refused
  std::int64_t shard_volumes = 0;      // 0: as the source has them; 16 when it is of another program
  std::size_t num_threads = 1;
};

/// Writes a data set, or a folder of HDF5 files of other programs, as shards in the new folder `target`.
/// Sets, volumes and their order stay, and so does what they were made from.
/// A source with a manifest is read to its end first: damage must not get a sound digest. What was written
/// before a failure is removed.
/// Memory: one shard, and one per thread while the source is checked.
/// @throws DataError: damage in the source, a target that is not empty or in which another job writes, a full
/// disk. ConfigError: quantises=false of a quantised source
void repack(const std::filesystem::path& source, const std::filesystem::path& target,
            const RepackOptions& options);

}  // namespace gyrus
