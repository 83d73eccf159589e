#pragma once

#include <cstdint>

/// Constants of the on-disk format; docs/checkpoint-format.md explains them.
namespace gyrus::checkpoint_format {

inline constexpr const char* name = "gyrus-checkpoint";
inline constexpr std::int64_t version = 1;
inline constexpr const char* manifest_file = "manifest.json";
inline constexpr const char* weights_file = "weights.safetensors";
inline constexpr const char* average_file =
    "average.safetensors";  // running average of the weights; absent without one
inline constexpr const char* optimizer_file =
    "optimizer.safetensors";                          // names: first.<parameter>, second.<parameter>
inline constexpr const char* latest_file = "latest";  // holds the folder name of the newest checkpoint
inline constexpr const char* best_file = "best";
inline constexpr const char* unfinished_mark = ".tmp";              // in names of what is being written
inline constexpr const char* folder_prefix = "step-";               // + step with 9 digits
inline constexpr std::uint64_t largest_header_bytes = 100'000'000;  // of a safetensors file

}  // namespace gyrus::checkpoint_format
