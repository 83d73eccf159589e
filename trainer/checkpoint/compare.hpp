#pragma once

#include <string>
#include <vector>

#include "trainer/checkpoint/safetensors.hpp"

namespace gyrus {

/// How one tensor of two checkpoints differs. Differences are NaN where there is nothing to subtract.
struct TensorDifference {
  std::string name;
  std::string
      what;  // "only in the first", "only in the second", "shape [2] and [3]", "type F32 and F64", "values"
  double absolute = 0.0;  // largest |a - b|
  double relative = 0.0;  // largest |a - b| / max(|a|, |b|)
};

/// The tensors whose names, shapes, types or bits differ, by name. NaN equals NaN.
std::vector<TensorDifference> compare_tensors(const NamedTensors& first, const NamedTensors& second);

}  // namespace gyrus
