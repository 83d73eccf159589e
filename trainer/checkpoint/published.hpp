#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace gyrus {

class ZipArchive;

/// A tensor of a published checkpoint: where its values lie in the file.
struct PublishedTensor {
  std::string dtype;                         // as safetensors names it: F32, I64, ...
  std::vector<std::int64_t> shape, strides;  // strides in values
  const std::byte* values = nullptr;         // the first one; little-endian
  std::string storage;                       // entry of the archive
};

/// What Adam keeps of one parameter.
struct PublishedMoments {
  std::int64_t step = 0;
  PublishedTensor first, second;
};

/// A checkpoint of the published code: PyTorch Lightning's `.ckpt`, a zip archive of torch.save. Values stay
/// in the mapped file. Reference: docs/checkpoint-format.md, "Published checkpoints".
struct PublishedCheckpoint {
  std::shared_ptr<const ZipArchive> archive;                   // keeps the values in place
  std::int64_t epoch = 0, global_step = 0;                     // both already incremented
  std::vector<std::pair<std::string, PublishedTensor>> state;  // in the file's order
  std::map<std::int64_t, PublishedMoments>
      moments;                            // by position among the trained parameters; empty without any
  std::string moments_problem;            // why they are empty
  std::set<std::string> skipped_classes;  // of objects that are no weights

  const PublishedTensor* find(const std::string& name) const;
};

/// Reads the layout of a checkpoint, and checks that each tensor lies inside its storage and each storage is
/// in the archive. Of the values only the optimizer's steps are looked at. Runs nothing of what the file names
/// (pickle.hpp).
/// @throws DataError naming the file, the tensor or byte, and what to do
PublishedCheckpoint read_published(const std::filesystem::path& file);

/// Compares the bytes of every tensor with the archive's CRC-32. @throws DataError
void check_values(const PublishedCheckpoint& checkpoint);

}  // namespace gyrus
