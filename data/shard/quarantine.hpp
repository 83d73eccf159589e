#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace gyrus {

/// A slice that a person has decided to do without, until its shard is made again.
struct QuarantinedSlice {
  std::string shard;        // file name
  std::int64_t volume = 0;  // of the shard
  std::int64_t slice = 0;   // of the volume
  std::string subject;
  std::string reason;
};

/// The list beside a data set's manifest, `quarantine.json`; empty when there is none.
/// @throws DataError when the file is not such a list
std::vector<QuarantinedSlice> read_quarantine(const std::filesystem::path& root);

/// An empty list removes the file. @throws DataError
void write_quarantine(const std::filesystem::path& root, const std::vector<QuarantinedSlice>& slices);

/// Every slice of the data set that cannot be read, once. Reads every byte, in at most `num_threads` threads.
/// @throws DataError without a manifest
std::vector<QuarantinedSlice> find_unreadable(const std::filesystem::path& root, std::size_t num_threads);

}  // namespace gyrus
