#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "data/shard/format.hpp"
#include "data/storage/codec.hpp"
#include "data/storage/quantisation.hpp"

namespace gyrus {

/// Where a table lies in its shard, and XXH3 of its bytes. How many bytes follows from the number of slices.
struct TablePlace {
  std::uint64_t offset = 0;
  std::uint64_t digest = 0;
};

/// All that is needed to read slices of a shard without HDF5. The manifest keeps it.
struct ShardLayout {
  bool has_index = true;  // false: a file of another program, read through HDF5; it has no tables
  std::int64_t num_volumes = 0;
  std::int64_t depth = 0, height = 0, width = 0;  // of each volume
  Codec codec = Codec::deflate;
  std::optional<Quantisation> quantisation = {};  // of the image
  std::array<TablePlace, shard_format::num_tables> tables = {};

  std::int64_t num_slices() const { return num_volumes * depth; }
  /// Bytes of table `table` (position in shard_format::tables).
  std::uint64_t table_bytes(int table) const;
  /// Bytes of one element of array `array` (position in shard_format::arrays) as it is stored.
  std::size_t element_bytes(int array) const;

  /// Asks the file itself, through HDF5. Without the manifest's digests, tables vouch for themselves only.
  /// @throws DataError: missing, not HDF5, not a shard, another version, truncated, or tables that do not fit
  static ShardLayout of_file(const std::filesystem::path& path);
};

}  // namespace gyrus
