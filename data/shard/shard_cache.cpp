#include "data/shard/shard_cache.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "data/shard/foreign.hpp"
#include "data/shard/reader.hpp"

namespace gyrus {

std::shared_ptr<const SliceSource> open_slices(const std::filesystem::path& path, const ShardLayout& layout) {
  if (layout.has_index) return std::make_shared<const ShardReader>(path, layout);
  return std::make_shared<const ForeignReader>(path, layout);
}

ShardCache::ShardCache(std::vector<Shard> shards, std::uint64_t max_bytes, std::size_t max_open)
    : shards_(std::move(shards)),
      max_bytes_(max_bytes),
      max_open_(std::max<std::size_t>(1, max_open)),
      slots_(shards_.size()) {}

std::size_t ShardCache::default_open() {
  rlimit limit{};
  const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return known ? std::max<std::size_t>(1, limit.rlim_cur / 2) : 512;
}

std::shared_ptr<const SliceSource> ShardCache::get(std::size_t shard) {
  std::filesystem::path path;
  {
    const std::lock_guard lock(mutex_);
    if (Slot& slot = slots_.at(shard); slot.reader) {
      uses_.splice(uses_.begin(), uses_, slot.use);
      return slot.reader;
    }
    path = shards_[shard].path;
  }
  // Opened without the lock, so that threads do not wait for each other's disk; two may open the same shard.
  auto opened = open_slices(path, shards_[shard].layout);
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_[shard];
  if (slot.reader) return slot.reader;
  if (shards_[shard].path != path) return opened;  // it has moved meanwhile: not for others
  slot.reader = opened;
  slot.use = uses_.insert(uses_.begin(), shard);
  bytes_ += opened->memory_bytes();
  while (uses_.size() > 1 && (uses_.size() > max_open_ || bytes_ > max_bytes_)) drop(uses_.back());
  return opened;
}

void ShardCache::drop(std::size_t shard) {
  Slot& slot = slots_[shard];
  bytes_ -= slot.reader->memory_bytes();
  uses_.erase(slot.use);
  slot.reader.reset();
}

std::filesystem::path ShardCache::move_to(std::size_t shard, const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  if (slots_.at(shard).reader) drop(shard);
  return std::exchange(shards_[shard].path, path);
}

std::size_t ShardCache::num_open() const {
  const std::lock_guard lock(mutex_);
  return uses_.size();
}

}  // namespace gyrus
