#pragma once

#include <filesystem>

#include "data/shard/manifest.hpp"
#include "data/shard/slice_source.hpp"
#include "data/storage/h5.hpp"

namespace gyrus {

/// HDF5 files of other programs (docs/shard-format.md, "Files of other programs"): slices come through the
/// library, one at a time for the whole process, and nothing vouches for their bytes.

/// Whether a folder has HDF5 files, and neither a manifest nor shards of an unfinished preparation.
bool is_foreign(const std::filesystem::path& root);

/// Describes the *.h5 and *.hdf5 files of a folder. Reads all their masks and lesions once.
/// @throws DataError: no such file, or one that does not have what is needed
Manifest describe_foreign(const std::filesystem::path& root);

/// Thread safety: reading is serialised inside.
class ForeignReader : public SliceSource {
 public:
  /// @throws DataError
  ForeignReader(std::filesystem::path path, const ShardLayout& layout);
  ~ForeignReader() override;
  ForeignReader(const ForeignReader&) = delete;
  ForeignReader& operator=(const ForeignReader&) = delete;

  const std::filesystem::path& path() const override { return path_; }
  std::uint64_t memory_bytes() const override { return sizeof(*this); }
  [[nodiscard]] Fault read_image(std::int64_t slice, float* values) const override;
  [[nodiscard]] Fault read_labels(Array array, std::int64_t slice, std::uint8_t* values) const override;
  std::vector<std::uint32_t> pixel_counts(int table) const override;

 private:
  std::filesystem::path path_;
  ShardLayout layout_;
  h5::File file_;
  bool has_mask_, has_lesion_;
};

}  // namespace gyrus
