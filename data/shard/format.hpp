#pragma once

#include <cstdint>

/// Names and numbers of the shard format; docs/shard-format.md is the document that they mirror.
namespace gyrus::shard_format {

inline constexpr const char* name = "gyrus-shard";
inline constexpr std::int64_t version = 1;

inline constexpr const char* format_attribute = "format";
inline constexpr const char* version_attribute = "version";
inline constexpr const char* depth_attribute = "slices_per_volume";

// [slices, rows (x), columns (y)], one chunk per slice, filters shuffle + deflate
inline constexpr const char* image = "image";    // float32
inline constexpr const char* mask = "mask";      // uint8
inline constexpr const char* lesion = "lesion";  // uint8
inline constexpr const char* arrays[] = {image, mask, lesion};

// "index/image" and so on: uint64 [slices, 3] = offset in the file, stored bytes, XXH3 digest of the stored
// bytes
inline constexpr const char* index_group = "index/";

// fixed-length text [volumes]
inline constexpr const char* volume_ids = "volumes/id";
inline constexpr const char* volume_subjects = "volumes/subject";

inline constexpr const char* manifest_file = "manifest.json";
inline constexpr const char* manifest_format = "gyrus-dataset";

}  // namespace gyrus::shard_format
