#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "trainer/evaluation/evaluator.hpp"
#include "trainer/evaluation/slice_scores.hpp"
#include "trainer/evaluation/threshold_curve.hpp"
#include "trainer/metrics/components.hpp"
#include "trainer/metrics/confusion.hpp"
#include "trainer/metrics/distances.hpp"
#include "trainer/metrics/ranking.hpp"

namespace gyrus {

/// How well the image was reproduced. NaN for maps without a reconstruction.
struct ReconstructionQuality {
  double psnr = 0.0, ssim = 0.0;  // dB; 0 ... 1
};
ReconstructionQuality reconstruction_quality(const ScoredVolume& scored);

/// Scores of one patient at a given threshold; NaN where one is not defined.
struct PatientScores {
  double threshold = 0.0;
  Confusion counts;
  Rates rates;
  BestThreshold best;  // at the patient's own best threshold: an upper bound (Q40); NaN without a lesion
  RankingAreas whole, brain;  // over all voxels, and over those inside the un-eroded mask (Q46)
  SurfaceScores surface;
  LesionCounts lesions;
  std::vector<SliceScore> slices;
};

/// Method section 7, steps 7 to 11, of a volume in a labelled set.
PatientScores score_patient(const ScoredVolume& scored, double threshold, const EvaluationOptions& options);

/// The volume's own best threshold, by the search of the options (Q41).
BestThreshold own_best_threshold(const ScoredVolume& scored, const EvaluationOptions& options);

/// The volume's maps at every threshold, without small components where the search drops them.
ThresholdCurve own_curve(const ScoredVolume& scored, const EvaluationOptions& options);

/// Counts at a threshold. @param drop_components  whether small components are dropped first
Confusion confusion_above(const ScoredVolume& scored, double threshold, bool drop_components,
                          const EvaluationOptions& options);

/// Mean filtered residual inside the un-eroded brain mask; 0 without a brain.
double anomaly_score(const ScoredVolume& scored);

/// Name and value of every number, in the order of the tables: the first ones of any volume, the second ones
/// of volumes that were scored at a threshold.
using Numbers = std::vector<std::pair<std::string, double>>;
Numbers numbers_of(const ScoredVolume& scored, const ReconstructionQuality& quality);
Numbers numbers_of(const PatientScores& scores, const EvaluationOptions& options);

}  // namespace gyrus
