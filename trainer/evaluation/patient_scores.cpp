#include "trainer/evaluation/patient_scores.hpp"

#include <cmath>
#include <limits>

#include "trainer/evaluation/postprocess.hpp"

namespace gyrus {
namespace {

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? std::numeric_limits<double>::quiet_NaN()
                    : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

PatientScores score_patient(const ScoredVolume& scored, double threshold, std::int64_t min_component) {
  const Volume& volume = scored.volume;
  std::vector<std::uint8_t> map(scored.residual.size());
  for (std::size_t i = 0; i < map.size(); ++i) map[i] = scored.residual[i] >= threshold ? 1 : 0;
  remove_small_components(map, {volume.depth, volume.height, volume.width}, min_component);

  PatientScores result;
  result.set = volume.set;
  result.id = volume.id;
  result.subject = volume.subject;
  result.age = volume.age;
  std::int64_t hits = 0, brain = 0;
  double anomaly = 0.0;
  for (std::size_t i = 0; i < map.size(); ++i) {
    const bool lesion = volume.lesion[i] != 0;
    result.lesion_voxels += lesion ? 1 : 0;
    result.predicted_voxels += map[i];
    hits += lesion ? map[i] : 0;
    if (volume.mask[i] == 0) continue;
    ++brain;
    anomaly += scored.residual[i];
  }
  result.dice = ratio(2 * hits, result.predicted_voxels + result.lesion_voxels);
  result.precision = ratio(hits, result.predicted_voxels);
  result.recall = ratio(hits, result.lesion_voxels);
  ResidualHistogram histogram;
  histogram.add(scored.residual, volume.lesion);
  result.best_dice =
      result.lesion_voxels > 0 ? histogram.best_dice().dice : std::numeric_limits<double>::quiet_NaN();
  result.auprc = histogram.auprc();
  result.auroc = histogram.auroc();
  result.anomaly_score = brain == 0 ? 0.0 : anomaly / static_cast<double>(brain);
  result.l1 = scored.l1;
  result.l1_lesion = scored.l1_lesion;
  result.l1_healthy = scored.l1_healthy;
  return result;
}

std::vector<std::pair<std::string, double>> numbers_of(const PatientScores& s) {
  return {{"dice", s.dice},
          {"best_dice", s.best_dice},
          {"precision", s.precision},
          {"recall", s.recall},
          {"auprc", s.auprc},
          {"auroc", s.auroc},
          {"anomaly_score", s.anomaly_score},
          {"l1", s.l1},
          {"l1_lesion", s.l1_lesion},
          {"l1_healthy", s.l1_healthy},
          {"lesion_voxels", static_cast<double>(s.lesion_voxels)},
          {"predicted_voxels", static_cast<double>(s.predicted_voxels)},
          {"age", s.age}};
}

MeanAndDeviation summarise(const std::vector<double>& values) {
  MeanAndDeviation result;
  double sum = 0.0, squares = 0.0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    ++result.count;
    sum += value;
  }
  if (result.count == 0)
    return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN(), 0};
  result.mean = sum / static_cast<double>(result.count);
  for (const double value : values)
    if (!std::isnan(value)) squares += (value - result.mean) * (value - result.mean);
  result.deviation = std::sqrt(squares / static_cast<double>(result.count));
  return result;
}

}  // namespace gyrus
