#pragma once

#include <cstdint>
#include <filesystem>

#include "data/storage/codec.hpp"

namespace gyrus {

struct RepackOptions {
  Codec codec = Codec::deflate;
  bool quantises = false;          // a source that is quantised stays so in any case
  std::int64_t shard_volumes = 0;  // 0: as the source has them; 16 when it is of another program
  std::size_t num_threads = 1;
};

/// Writes a data set, or a folder of HDF5 files of other programs, as shards in the new folder `target`.
/// Sets, volumes and their order stay, and so does what they were made from.
/// Memory: one shard. @throws DataError: damage in the source, a target that is not empty, a full disk
void repack(const std::filesystem::path& source, const std::filesystem::path& target,
            const RepackOptions& options);

}  // namespace gyrus
