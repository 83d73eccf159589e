#pragma once

#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "trainer/evaluation/evaluator.hpp"

namespace gyrus {

/// A trivial anomaly map that a trained model has to beat.
struct Baseline {
  std::string name;
  Evaluator::MapMaker make_map;
};

/// intensity (bright), inverted intensity (dark), |x - mean of training| and the same over the standard
/// deviation (scaled to [0, 1]). Reads the whole training set. @pre `dataset` outlives the result
std::vector<Baseline> make_baselines(const Dataset& dataset);

}  // namespace gyrus
