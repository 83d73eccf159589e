#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "data/shard/layout.hpp"
#include "data/shard/slice_source.hpp"
#include "launch/files.hpp"

namespace gyrus {

/// An open shard: its chunk index in memory, its slices read with pread and decoded in the caller's thread.
/// Thread safety: all functions but opening by path may be called from any number of threads.
class ShardReader : public SliceSource {
 public:
  /// @throws DataError: unreadable, or a table is cut off or does not have the layout's digest
  ShardReader(std::filesystem::path path, const ShardLayout& layout);
  /// A shard without its manifest. @throws DataError as ShardLayout::of_file
  static ShardReader open(const std::filesystem::path& path);

  const std::filesystem::path& path() const override { return path_; }
  const ShardLayout& layout() const { return layout_; }
  std::uint64_t memory_bytes() const override;

  [[nodiscard]] Fault read_image(std::int64_t slice, float* values) const override;
  [[nodiscard]] Fault read_labels(Array array, std::int64_t slice, std::uint8_t* values) const override;
  void will_need(Array array, std::int64_t slice) const override;
  /// @throws DataError when the table does not have its digest
  std::vector<std::uint32_t> pixel_counts(int table) const override;

 private:
  struct Entry {
    std::uint64_t offset, bytes, digest;
  };
  /// A hint for what is in the page cache is a tenth of the time that reading it takes, so there are none
  /// while no read has to wait for the disk.
  static constexpr int hints_per_wait = 64;
  template <class T>
  std::vector<T> read_table(int table) const;
  const std::vector<Entry>& index(Array array) const;
  Fault read_chunk(Array array, std::int64_t slice, std::span<std::byte> values) const;

  std::filesystem::path path_;
  ShardLayout layout_;
  FileDescriptor descriptor_;
  std::array<std::vector<Entry>, 2> index_;  // of image and mask
  // Only evaluation asks for lesions: their index is read when it is first needed.
  mutable std::once_flag lesion_is_read_;
  mutable std::vector<Entry> lesion_index_;
  mutable std::atomic<int> hints_left_{hints_per_wait};
};

/// "image of subject A, slice 3": how messages name a chunk.
std::string chunk_name(SliceSource::Array array, const std::string& subject, std::int64_t slice);

}  // namespace gyrus
