#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/shard/layout.hpp"
#include "data/volume.hpp"

namespace gyrus {

/// One shard as the manifest lists it.
struct ManifestShard {
  std::string file;
  std::string set;
  std::uint64_t bytes = 0;
  std::uint64_t digest = 0;  // XXH3 of the whole file
  ShardLayout layout;
  std::vector<VolumeInfo> volumes;
  std::vector<FailedVolume> skipped;  // volumes that should have been in it
};

/// A shard of which the file's content is at hand. @param path  only its last part is kept
ManifestShard list_shard(const std::filesystem::path& path, std::string_view content, const std::string& set,
                         const ShardLayout& layout, std::vector<VolumeInfo> volumes,
                         std::vector<FailedVolume> skipped);

/// manifest.json: written last, so that a folder with one is complete.
struct Manifest {
  std::string name;
  std::map<std::string, std::string> preparation;  // DataOptions::preparation()
  std::map<std::string, std::string> folders;      // source -> folder it was read from
  std::vector<ManifestShard> shards;

  /// @throws DataError: no folder, an empty one, no manifest, not ours, another version
  static Manifest read(const std::filesystem::path& root);
  /// @param where  named in messages. @throws DataError
  static Manifest parse(const std::string& text, const std::string& where);
  /// @throws DataError
  void write(const std::filesystem::path& root) const;
  std::string to_json() const;
  /// @param root  named in messages. @throws ConfigError when it was prepared with other options
  void check_preparation(const std::map<std::string, std::string>& wanted,
                         const std::filesystem::path& root) const;
};

}  // namespace gyrus
