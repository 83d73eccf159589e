#pragma once

#include <cstdint>

/// Names and numbers of the shard format; docs/shard-format.md is the document that they mirror.
namespace gyrus::shard_format {

inline constexpr const char* name = "gyrus-shard";
inline constexpr std::int64_t version = 2;

// Attributes of the file
inline constexpr const char* format_attribute = "format";
inline constexpr const char* version_attribute = "version";
inline constexpr const char* depth_attribute = "slices_per_volume";
inline constexpr const char* set_attribute = "set";
inline constexpr const char* codec_attribute = "codec";
inline constexpr const char* recipe_attribute = "recipe";            // digest of all that it was made from
inline constexpr const char* preparation_attribute = "preparation";  // JSON: the options that shape slices
inline constexpr const char* skipped_attribute = "skipped";          // JSON: [id, reason] of volumes left out
inline constexpr const char* program_attribute = "program";

// [slices, rows (x), columns (y)], one chunk per slice
inline constexpr const char* image = "image";    // float32, or uint16 when quantised
inline constexpr const char* mask = "mask";      // uint8
inline constexpr const char* lesion = "lesion";  // uint8
inline constexpr const char* arrays[] = {image, mask, lesion};

// Attributes of a quantised image: value = add_offset + scale_factor * stored, at most quantisation_error off
inline constexpr const char* scale_attribute = "scale_factor";
inline constexpr const char* offset_attribute = "add_offset";
inline constexpr const char* error_attribute = "quantisation_error";

// Tables that readers find by the places which the manifest gives.
// index/*: uint64 [slices, 3] = offset in the file, stored bytes, XXH3 digest of the stored bytes
// slices/*: uint32 [slices] = pixels of the brain, of the lesion
inline constexpr const char* tables[] = {"index/image", "index/mask", "index/lesion", "slices/brain_pixels",
                                         "slices/lesion_pixels"};
inline constexpr int num_tables = 5;
inline constexpr int brain_pixels = 3;
inline constexpr int lesion_pixels = 4;

// [volumes]
inline constexpr const char* volume_ids = "volumes/id";            // fixed-length text
inline constexpr const char* volume_subjects = "volumes/subject";  // fixed-length text
inline constexpr const char* volume_sites = "volumes/site";        // fixed-length text; may be missing
inline constexpr const char* volume_sources = "volumes/sources";   // fixed-length text: JSON, file -> digest
inline constexpr const char* volume_ages = "volumes/age";          // float64, NaN when unknown
inline constexpr const char* volume_labels = "volumes/label";      // int64
inline constexpr const char* volume_spacings = "volumes/spacing";  // float64 [volumes, 3]
inline constexpr const char* volume_affines = "volumes/affine";    // float64 [volumes, 3, 4]

inline constexpr const char* manifest_file = "manifest.json";
inline constexpr const char* manifest_format = "gyrus-dataset";
inline constexpr const char* lock_file = "prepare.lock";  // held by who writes shards in the folder

}  // namespace gyrus::shard_format
