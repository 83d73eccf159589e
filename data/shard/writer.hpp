#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/shard/manifest.hpp"
#include "data/storage/h5.hpp"
#include "data/volume.hpp"

namespace gyrus {

/// How a shard stores its slices, and what it says of its making.
struct ShardSettings {
  Codec codec = Codec::deflate;
  std::optional<Quantisation> quantisation = {};
  std::map<std::string, std::string> preparation = {};  // DataOptions::preparation()
  std::string recipe = {};                              // digest of all that the shard is made from
  std::vector<FailedVolume> skipped = {};               // volumes that should have been in it
};

/// Encodes volumes as they come and writes them in one go under a temporary name, then renames it.
/// Memory: the encoded shard, twice while it is written.
/// Determinism: equal volumes and settings give equal files.
/// Thread safety: `encode` may run in any thread; the rest belongs to one.
class ShardWriter {
 public:
  /// A volume ready to be stored.
  struct EncodedVolume {
    Volume volume;                                              // without its voxels
    std::array<std::vector<std::vector<std::byte>>, 3> chunks;  // array -> slice
    std::vector<std::uint32_t> brain_pixels, lesion_pixels;     // per slice
  };

  explicit ShardWriter(ShardSettings settings) : settings_(std::move(settings)) {}

  /// @throws DataError when an intensity cannot be quantised
  EncodedVolume encode(Volume volume) const;
  /// @pre all volumes of a shard have one shape
  void add(EncodedVolume volume);
  /// @return the shard as a manifest lists it
  /// @pre at least one volume was added. @throws DataError (full or read-only disk); then no file is left
  ManifestShard write(const std::filesystem::path& path) const;

 private:
  std::vector<VolumeInfo> infos() const;
  void write_attributes(h5::File& file) const;
  void write_chunks(h5::File& file) const;
  void create_tables(h5::File& file, std::int64_t num_slices) const;
  void write_tables(h5::File& file) const;
  void write_volumes(h5::File& file) const;

  ShardSettings settings_;
  std::vector<EncodedVolume> volumes_;
};

/// What is known of a volume once its voxels are counted.
VolumeInfo info_of(const Volume& volume, std::int64_t brain_voxels, std::int64_t lesion_voxels);

}  // namespace gyrus
