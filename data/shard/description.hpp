#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/shard/layout.hpp"
#include "data/volume.hpp"

namespace gyrus {

/// All that a shard says of itself.
struct ShardDescription {
  std::string set;
  ShardLayout layout;
  std::vector<VolumeInfo> volumes;
  std::vector<Provenance> provenances;  // of the volumes
  std::string recipe;
  std::map<std::string, std::string> preparation;
  std::vector<FailedVolume> skipped;

  /// Reads it through HDF5. @throws DataError as ShardLayout::of_file
  static ShardDescription of_file(const std::filesystem::path& path);
};

/// The recipe that a shard was made by; empty when the file is missing, damaged or no shard of this version.
std::string recipe_of_file(const std::filesystem::path& path);

}  // namespace gyrus
