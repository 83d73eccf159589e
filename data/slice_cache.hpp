#pragma once

#include <cstdint>

namespace gyrus {

/// Slices of one set that are at hand without reading a file. Thread safety: every function may be called
/// from any number of threads.
class SliceCache {
 public:
  virtual ~SliceCache() = default;

  /// That could not be read when it was filled, or are in quarantine.
  virtual std::int64_t num_missing() const = 0;

  /// @param with_mask  false: the image alone matters
  virtual bool has(std::int64_t volume, std::int64_t slice, bool with_mask) const = 0;

  /// The slice into `image` and `mask`, each [height, width]; either may be null.
  /// @return false, and nothing written, when this memory cannot give it: it is read from its shard then
  virtual bool read(std::int64_t volume, std::int64_t slice, float* image, std::uint8_t* mask) const = 0;
};

}  // namespace gyrus
