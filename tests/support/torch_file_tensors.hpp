#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "tests/support/torch_file.hpp"

namespace gyrus::torch_file {

/// The entries of a checkpoint that is being written: a storage for each tensor.
struct StorageEntries {
  std::vector<Entry> entries;

  /// Writes a tensor to the pickle and its values to an entry of their own.
  void add(PickleWriter& p, const torch::Tensor& value) {
    const torch::Tensor plain = value.detach().contiguous();
    const std::string key = std::to_string(entries.size());
    entries.push_back({"archive/data/" + key, {static_cast<const char*>(plain.data_ptr()), plain.nbytes()}});
    const char* type = plain.scalar_type() == torch::kInt64  ? "LongStorage"
                       : plain.scalar_type() == torch::kHalf ? "HalfStorage"
                                                             : "FloatStorage";
    p.tensor(type, key, plain.numel(), 0, plain.sizes().vec(), plain.strides().vec());
  }
};

}  // namespace gyrus::torch_file
