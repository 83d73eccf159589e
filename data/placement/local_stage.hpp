#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/options.hpp"
#include "data/shard/manifest.hpp"
#include "launch/files.hpp"

namespace gyrus {

/// Copies of data sets on a node's own disk, each in a folder named after the digest of its shards. Jobs of
/// one node share them: one copies while the others wait, a copy in use is never removed, and the copies used
/// longest ago go when a new one needs their room. A copy that was interrupted is gone on with. All locks are
/// the kernel's, so that a job that dies leaves none.
class LocalStage {
 public:
  /// Finds the copy of the shards of `root`, or makes it: every shard's bytes are checked against the
  /// manifest's digest before they count, and one that is missing or damaged is left where it is, with a
  /// warning. One process of a node calls this; others may read `folder()` as long as it lives.
  /// @throws DataError: no room, a folder that cannot be written
  LocalStage(const StageOptions& options, const std::filesystem::path& root,
             const std::vector<ManifestShard>& shards, std::size_t num_threads);

  const std::filesystem::path& folder() const { return folder_; }
  std::uint64_t copied_bytes() const { return copied_bytes_; }

  static std::filesystem::path top_folder(const StageOptions& options);
  /// Bytes that a copy of these shards may take: of the limit what copies in use leave, of the disk what is
  /// free or in copies that would go. Makes the top folder. @throws DataError
  static std::uint64_t room_bytes(const StageOptions& options, const std::vector<ManifestShard>& shards);
  static std::uint64_t bytes_of(const std::vector<ManifestShard>& shards);

 private:
  bool find_complete(const std::vector<ManifestShard>& shards);
  void make_room(std::uint64_t bytes, std::uint64_t limit) const;
  bool copy_shards(const std::filesystem::path& root, const std::vector<ManifestShard>& shards,
                   std::size_t num_threads);

  std::filesystem::path top_, folder_;
  FileDescriptor in_use_;  // locked for reading as long as this job lives
  std::uint64_t copied_bytes_ = 0;
};

}  // namespace gyrus
