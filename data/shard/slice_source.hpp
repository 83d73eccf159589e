#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "data/storage/file_io.hpp"

namespace gyrus {

/// The slices of an open file. Thread safety: all functions may be called from any number of threads.
class SliceSource {
 public:
  enum class Array { image = 0, mask = 1, lesion = 2 };

  virtual ~SliceSource() = default;
  virtual const std::filesystem::path& path() const = 0;
  virtual std::uint64_t memory_bytes() const = 0;

  /// @param slice  of the file: volume * depth + slice of the volume
  [[nodiscard]] virtual Fault read_image(std::int64_t slice, float* values) const = 0;
  [[nodiscard]] virtual Fault read_labels(Array array, std::int64_t slice, std::uint8_t* values) const = 0;

  /// A hint that the slice of the array, image or mask, will be read soon. Never fails.
  virtual void will_need(Array, std::int64_t /*slice*/) const {}

  /// Per slice of the file. @param table  shard_format::brain_pixels or lesion_pixels
  /// @throws DataError when it cannot be read
  virtual std::vector<std::uint32_t> pixel_counts(int table) const = 0;
};

}  // namespace gyrus
