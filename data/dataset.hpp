#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/shard/manifest.hpp"
#include "data/slice_cache.hpp"
#include "data/volume.hpp"
#include "launch/error.hpp"

namespace gyrus {

struct DataOptions;

/// A slice that stands in quarantine.json: whoever draws slices takes another one.
struct QuarantinedError : DataError {
  using DataError::DataError;
};

/// A folder made by `gyrus prepare`: manifest.json and HDF5 shards (docs/shard-format.md). All volumes have
/// one shape. Opening reads the manifest and asks each shard's size; a shard is opened when a slice of it is
/// first read, and a bounded number stays open.
/// Thread safety: reading is safe from any number of threads (pread and decompression, no library lock).
class Dataset {
 public:
  /// @throws DataError: no or empty folder, no manifest, missing or truncated shard
  static Dataset open(const std::filesystem::path& root);
  /// The folder `options.root`, its healthy subjects divided by data.folds and data.fold. @throws ConfigError
  /// when it was prepared with other options, or has no such fold. With data.faults=substitute, a missing or
  /// truncated shard is a warning
  static Dataset open(const DataOptions& options);

  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

  const std::filesystem::path& root() const;
  std::vector<std::string> sets() const;
  /// @throws ConfigError naming the sets that there are
  const std::vector<VolumeInfo>& volumes(const std::string& set) const;
  std::int64_t height() const;
  std::int64_t width() const;
  std::int64_t depth() const;

  /// As the manifest lists them, without their volumes.
  const std::vector<ManifestShard>& shards() const;

  /// From now on shards are read from their copies in `folder`, where it has them. Not while others read.
  void read_copies(const std::filesystem::path& folder);
  /// From now on slices of the set come from the cache, where it has them; those that it lacks
  /// are a warning. Not while others read.
  void read_through(const std::string& set, std::shared_ptr<const SliceCache> cache);

  /// Digest of everything the slices depend on: manifest entries of all shards. Equal data sets have equal
  /// digests.
  std::uint64_t digest() const;

  /// Pixels of the brain in every slice of the set, volume after volume: [volumes * depth].
  /// @throws DataError when a shard cannot be read; with data.faults=substitute its slices count as full
  std::vector<std::uint32_t> brain_pixels(const std::string& set) const;

  /// A slice that cannot be read is tried once more with its shard opened anew (a stale handle of a network
  /// file system, a shard that was mended meanwhile).
  /// @throws DataError naming subject and slice when a chunk cannot be read or does not have its digest;
  /// QuarantinedError
  Volume read_volume(const std::string& set, std::int64_t index) const;
  /// One slice into `image` and `mask`, each [height, width]; either may be null. @throws as read_volume
  void read_slice(const std::string& set, std::int64_t volume_index, std::int64_t slice_index, float* image,
                  std::uint8_t* mask) const;
  /// A hint that the slice will be read soon: the system may begin to fetch it. Never fails.
  void will_need(const std::string& set, std::int64_t volume_index, std::int64_t slice_index) const;
  /// Returns when the set's cache has the slice. @param with_mask  false: the image alone matters
  /// @throws as read_slice, also when it could not be read when the cache was filled
  void check_slice(const std::string& set, std::int64_t volume_index, std::int64_t slice_index,
                   bool with_mask) const;

 private:
  struct State;
  explicit Dataset(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gyrus
