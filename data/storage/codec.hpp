#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gyrus {

/// How the bytes of a chunk are stored, as HDF5's filters do it: a byte shuffle of elements longer than one
/// byte (not for `none`), then
/// deflate: a zlib stream (filter 1); lz4: filter 32004; zstd: filter 32015.
enum class Codec { none, deflate, lz4, zstd };

inline constexpr unsigned deflate_level = 1;
inline constexpr unsigned zstd_level = 3;
inline constexpr int lz4_level = 4;  // of the slow compressor: read half as fast again as of the quick one

inline constexpr const char* codec_names[] = {"none", "deflate", "lz4", "zstd"};
std::string codec_name(Codec codec);
/// @throws DataError when no codec has this name
Codec codec_named(const std::string& name);

/// Thread safety: the functions may run in any thread; each thread keeps its own buffers.

/// @param element_bytes  1, 2 or 4
std::vector<std::byte> encode_chunk(Codec codec, std::size_t element_bytes,
                                    std::span<const std::byte> values);

/// Restores exactly `values.size()` bytes, whatever a damaged or hostile chunk claims.
/// @return whether the chunk was well-formed and had that length
bool decode_chunk(Codec codec, std::size_t element_bytes, std::span<const std::byte> stored,
                  std::span<std::byte> values);

/// The compression alone, without the shuffle: what an HDF5 filter does.
std::vector<std::byte> compress(Codec codec, std::span<const std::byte> values);
bool decompress(Codec codec, std::span<const std::byte> stored, std::span<std::byte> values);

}  // namespace gyrus
