#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/shard/manifest.hpp"
#include "data/shard/reader.hpp"

namespace gyrus {

/// A chunk that cannot be used.
struct DamagedSlice {
  std::string file;
  std::string array;
  std::int64_t volume = 0;  // of the shard
  std::int64_t slice = 0;   // of the volume
  std::string subject;
  std::string problem;

  std::string message() const;
};

/// Reads every chunk of a shard. @param volumes  those of the shard, for their names
std::vector<DamagedSlice> damaged_slices(const ShardReader& shard, const std::vector<VolumeInfo>& volumes);

/// What is wrong with a shard.
struct ShardProblems {
  std::vector<DamagedSlice> slices;
  std::vector<std::string> others;  // of the file as a whole, and outside its slices
  bool is_readable = true;          // its tables are whole, so that single slices can be named

  bool empty() const { return slices.empty() && others.empty(); }
};

/// Compares every byte with what the manifest lists: finds a flipped bit anywhere.
ShardProblems verify_shard(const std::filesystem::path& root, const ManifestShard& entry);
/// The same of several, in their order, in at most `num_threads` threads. Memory: the file of one shard per
/// thread. Determinism: the result does not depend on the number of threads.
std::vector<ShardProblems> verify_shards(const std::filesystem::path& root,
                                         const std::vector<ManifestShard>& entries, std::size_t num_threads);
/// A shard without its manifest: finds damage in its slices and in what is needed to read them.
ShardProblems verify_file(const std::filesystem::path& path);

}  // namespace gyrus
