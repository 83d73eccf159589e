#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "data/shard/layout.hpp"
#include "data/shard/slice_source.hpp"

namespace gyrus {

/// Opens a shard, with or without an index. @throws DataError as ShardReader or ForeignReader
std::shared_ptr<const SliceSource> open_slices(const std::filesystem::path& path, const ShardLayout& layout);

/// The shards of a data set that are open: a bounded number, those used last.
/// Memory: at most `max_bytes` of index tables (one shard may be larger) and `max_open` descriptors.
/// Thread safety: `get` may be called from any number of threads.
class ShardCache {
 public:
  struct Shard {
    std::filesystem::path path;
    ShardLayout layout;
  };

  ShardCache(std::vector<Shard> shards, std::uint64_t max_bytes, std::size_t max_open);

  /// The open shard; it lives as long as it is held. @throws DataError as open_slices
  std::shared_ptr<const SliceSource> get(std::size_t shard);
  /// Opens the shard anew at its next use, at `path`. @return where it was
  std::filesystem::path move_to(std::size_t shard, const std::filesystem::path& path);
  std::size_t num_open() const;

  /// The index of images and masks of 2.8 million slices.
  static constexpr std::uint64_t default_bytes = std::uint64_t{128} << 20;
  /// Half of the descriptors that the process may have.
  static std::size_t default_open();

 private:
  struct Slot {
    std::shared_ptr<const SliceSource> reader;
    std::list<std::size_t>::iterator use;
  };
  void drop(std::size_t shard);

  std::vector<Shard> shards_;
  std::uint64_t max_bytes_;
  std::size_t max_open_;
  mutable std::mutex mutex_;
  std::vector<Slot> slots_;
  std::list<std::size_t> uses_;  // open shards, the one used last in front
  std::uint64_t bytes_ = 0;
};

}  // namespace gyrus
