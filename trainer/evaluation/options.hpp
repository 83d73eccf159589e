#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launch/config/fields.hpp"

namespace gyrus {

struct EvaluationOptions {
  std::int64_t erosion = -1;  // auto: slice height / 25
  std::int64_t median_size = 5;
  std::int64_t min_component = 8;  // voxels; smaller components of the binary map are dropped (Q39)
  std::int64_t slice_batch = 16;
  // Pairs "threshold set -> test set": the threshold found on the first is used on the second.
  std::vector<std::string> threshold_sets = {"val"};
  std::vector<std::string> test_sets = {"test"};

  void fields(Fields& f);
};

}  // namespace gyrus
