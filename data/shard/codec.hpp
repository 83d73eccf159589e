#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gyrus {

/// The filters of a shard's chunks, as HDF5 applies them: byte shuffle, then deflate in a zlib stream.
/// Thread safety: all functions may run in any thread; each thread keeps its own buffers.

/// @param element_bytes  1 or 4
std::vector<std::byte> compress_chunk(std::span<const std::byte> values, std::size_t element_bytes);

/// Restores exactly `values.size()` bytes. @return whether the stream was well-formed and had that length
bool decompress_chunk(std::span<const std::byte> stored, std::size_t element_bytes,
                      std::span<std::byte> values);

}  // namespace gyrus
