#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/evaluation/evaluator.hpp"

namespace gyrus {

/// Scores of one patient at a given threshold; NaN where one is not defined (no lesion, empty map).
struct PatientScores {
  std::string set, id, subject;
  double age = 0.0;
  std::int64_t lesion_voxels = 0, predicted_voxels = 0;
  double dice = 0.0, precision = 0.0, recall = 0.0;
  double best_dice =
      0.0;  // at the patient's own best threshold, without component removal: an upper bound (Q40)
  double auprc = 0.0, auroc = 0.0;
  double anomaly_score = 0.0;  // mean filtered residual inside the brain mask
  double l1 = 0.0, l1_lesion = 0.0, l1_healthy = 0.0;
};

/// Method section 7, steps 7-10, corrected: proper counts (Q42).
PatientScores score_patient(const ScoredVolume& scored, double threshold, std::int64_t min_component);

/// Name and value of every number of a row, in the order of the tables.
std::vector<std::pair<std::string, double>> numbers_of(const PatientScores& scores);

struct MeanAndDeviation {
  double mean = 0.0, deviation = 0.0;
  std::int64_t count = 0;  // of values that are not NaN
};
MeanAndDeviation summarise(const std::vector<double>& values);

}  // namespace gyrus
