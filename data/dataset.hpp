#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/volume.hpp"

namespace gyrus {

struct DataOptions;

/// A folder made by `gyrus prepare`: manifest.json and HDF5 shards (docs/shard-format.md). All volumes have
/// one shape. Thread safety: reading is safe from any number of threads (pread and decompression, no library
/// lock).
class Dataset {
 public:
  /// @throws DataError: no or empty folder, no manifest, missing, truncated, foreign or wrong-version shard
  static Dataset open(const std::filesystem::path& root);
  /// The folder `options.root`, its healthy subjects divided by data.folds and data.fold. @throws ConfigError
  /// when it was prepared with other options, or has no such fold
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

  /// Digest of everything the slices depend on: manifest entries of all shards. Equal data sets have equal
  /// digests.
  std::uint64_t digest() const;

  /// @throws DataError naming subject and slice when a chunk does not have its digest
  Volume read_volume(const std::string& set, std::int64_t index) const;
  /// One slice into `image` and `mask`, each [height, width]; either may be null.
  void read_slice(const std::string& set, std::int64_t volume_index, std::int64_t slice_index, float* image,
                  std::uint8_t* mask) const;

 private:
  struct State;
  explicit Dataset(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gyrus
