#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/shard/h5.hpp"
#include "data/volume.hpp"

namespace gyrus {

/// What a finished shard is: the manifest keeps it.
struct ShardSummary {
  std::uint64_t bytes = 0;
  std::uint64_t digest = 0;  // XXH3 of the whole file
};

/// Builds one shard in memory and writes it in one go under a temporary name, then renames it.
/// Memory: the compressed shard. Thread safety: HDF5's, one thread of the process at a time.
class ShardWriter {
 public:
  ShardWriter(std::int64_t num_volumes, std::int64_t depth, std::int64_t height, std::int64_t width);

  /// @pre the shape is the shard's
  void add(const Volume& volume);

  /// @pre all volumes were added. @throws DataError (full or read-only disk); then no file is left
  ShardSummary write(const std::filesystem::path& path);

 private:
  void write_index();

  std::int64_t num_volumes_, depth_, height_, width_;
  std::int64_t num_added_ = 0;
  h5::File file_;
  std::vector<std::string> ids_, subjects_;
  std::vector<std::uint64_t> digests_[3];  // per array of shard_format::arrays
};

}  // namespace gyrus
