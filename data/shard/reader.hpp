#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "launch/files.hpp"

namespace gyrus {

/// Reads slices of one shard with pread and decompression in the caller's thread; HDF5 is used only to open.
/// Thread safety: opening is serialised inside; reading is safe from any number of threads.
class ShardReader {
 public:
  enum class Array { image = 0, mask = 1, lesion = 2 };

  /// @throws DataError: missing, not HDF5, not a shard, another version, truncated, or an impossible index
  static ShardReader open(const std::filesystem::path& path);

  std::int64_t num_volumes() const { return static_cast<std::int64_t>(ids_.size()); }
  std::int64_t depth() const { return depth_; }
  std::int64_t height() const { return height_; }
  std::int64_t width() const { return width_; }
  const std::vector<std::string>& ids() const { return ids_; }
  const std::filesystem::path& path() const { return path_; }

  /// @throws DataError naming subject and slice when the stored bytes do not have their digest
  void read_image(std::int64_t volume, std::int64_t slice, float* values) const;
  void read_labels(Array array, std::int64_t volume, std::int64_t slice, std::uint8_t* values) const;

  /// Reads every chunk; one line per damaged one. Empty: the shard is whole.
  std::vector<std::string> damaged_slices() const;

 private:
  struct Entry {
    std::uint64_t offset, bytes, digest;
  };
  ShardReader() = default;
  void read_chunk(Array array, std::int64_t volume, std::int64_t slice, std::size_t element_bytes,
                  std::span<std::byte> values) const;

  std::filesystem::path path_;
  FileDescriptor descriptor_;
  std::uint64_t bytes_ = 0;
  std::int64_t depth_ = 0, height_ = 0, width_ = 0;
  std::vector<std::string> ids_, subjects_;
  std::array<std::vector<Entry>, 3> index_;
};

}  // namespace gyrus
