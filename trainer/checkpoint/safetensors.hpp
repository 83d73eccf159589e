#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace gyrus {

using NamedTensors = std::map<std::string, torch::Tensor>;

/// What a file holds of one tensor: enough to notice any change of its bytes.
struct TensorRecord {
  std::string name, dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t digest = 0;  // XXH3 of the raw bytes
};

/// Digest of a tensor's values in row-major order, whatever its device and memory format.
std::uint64_t tensor_digest(const torch::Tensor& tensor);
/// Digest over names, shapes and values: the same for every world size and file layout.
std::uint64_t weights_digest(const NamedTensors& tensors);

/// Writes a safetensors file (8-byte header length, JSON header, raw little-endian data), flushed to disk.
/// @throws DataError and removes what it wrote when the disk is full or read-only
std::vector<TensorRecord> write_safetensors(const std::filesystem::path& file, const NamedTensors& tensors);

/// Reads a safetensors file onto the CPU. Sizes in the file are checked before anything is allocated.
/// @throws DataError truncated, malformed, or other bytes than `records` (when not empty) say; names the
/// tensor
NamedTensors read_safetensors(const std::filesystem::path& file,
                              const std::vector<TensorRecord>& records = {});

}  // namespace gyrus
