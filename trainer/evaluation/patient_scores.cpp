#include "trainer/evaluation/patient_scores.hpp"

#include <algorithm>
#include <limits>

#include "trainer/evaluation/postprocess.hpp"
#include "trainer/evaluation/threshold_search.hpp"
#include "trainer/metrics/reconstruction_quality.hpp"
#include "trainer/metrics/value_order.hpp"

namespace gyrus {
namespace {

std::vector<std::uint32_t> descending_order(const std::vector<float>& values) {
  auto order = ascending_order(values);
  std::ranges::reverse(order);
  return order;
}

std::vector<std::uint8_t> binary_map(const ScoredVolume& scored, double threshold, bool drop_components,
                                     const EvaluationOptions& options) {
  auto map = voxels_above(scored.residual, threshold, options.round_threshold);
  if (drop_components) remove_small_components(map, extent_of(scored.volume), options.min_component);
  return map;
}

ThresholdCurve curve_of(const ScoredVolume& scored, std::span<const std::uint32_t> descending,
                        const EvaluationOptions& options) {
  return threshold_curve(scored.residual, scored.volume.lesion, descending, extent_of(scored.volume),
                         options.search_components ? options.min_component : 0);
}

BestThreshold best_by_search(const ScoredVolume& scored, std::span<const std::uint32_t> descending,
                             const EvaluationOptions& options) {
  if (options.search == "interval") {
    const float largest = std::max(0.0f, scored.residual[descending.front()]);
    return interval_search(
               largest,
               [&](double threshold) {
                 return rates_of(confusion_above(scored, threshold, options.search_components, options)).dice;
               })
        .best;
  }
  return curve_of(scored, descending, options).best();
}

}  // namespace

ReconstructionQuality reconstruction_quality(const ScoredVolume& scored) {
  const Volume& volume = scored.volume;
  if (scored.reconstruction.empty()) {
    constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
    return {undefined, undefined};
  }
  return {peak_signal_to_noise(volume.image, scored.reconstruction),
          structural_similarity(volume.image, scored.reconstruction, volume.mask, extent_of(volume))};
}

Confusion confusion_above(const ScoredVolume& scored, double threshold, bool drop_components,
                          const EvaluationOptions& options) {
  return count_confusion(binary_map(scored, threshold, drop_components, options), scored.volume.lesion);
}

BestThreshold own_best_threshold(const ScoredVolume& scored, const EvaluationOptions& options) {
  return best_by_search(scored, descending_order(scored.residual), options);
}

ThresholdCurve own_curve(const ScoredVolume& scored, const EvaluationOptions& options) {
  return curve_of(scored, descending_order(scored.residual), options);
}

double anomaly_score(const ScoredVolume& scored) {
  double sum = 0.0;
  std::int64_t brain = 0;
  for (std::size_t i = 0; i < scored.residual.size(); ++i) {
    if (scored.volume.mask[i] == 0) continue;
    ++brain;
    sum += scored.residual[i];
  }
  return brain == 0 ? 0.0 : sum / static_cast<double>(brain);
}

PatientScores score_patient(const ScoredVolume& scored, double threshold, const EvaluationOptions& options) {
  const Volume& volume = scored.volume;
  const auto descending = descending_order(scored.residual);
  const auto map = binary_map(scored, threshold, /*drop_components=*/true, options);
  PatientScores scores;
  scores.threshold = threshold;
  scores.counts = count_confusion(map, volume.lesion);
  scores.rates = options.confusion == "published"
                     ? published_rates(scores.counts, options.specificity_epsilon)
                     : rates_of(scores.counts, options.specificity_epsilon);
  scores.best = best_by_search(scored, descending, options);
  if (scores.counts.lesion() == 0) {
    constexpr double undefined = std::numeric_limits<double>::quiet_NaN();
    scores.best = {undefined, undefined};
  }
  scores.whole = ranking_areas(scored.residual, volume.lesion, descending);
  scores.brain = ranking_areas(scored.residual, volume.lesion, descending, volume.mask);
  const VoxelSize size = options.distance_unit == "mm"
                             ? VoxelSize{volume.spacing[2], volume.spacing[0], volume.spacing[1]}
                             : VoxelSize{1.0, 1.0, 1.0};
  scores.surface = surface_scores(map, volume.lesion, extent_of(volume), size, options.surface_tolerance);
  scores.lesions = count_lesions(map, volume.lesion, extent_of(volume));
  scores.slices =
      score_slices(scored, options.slice_components ? map : binary_map(scored, threshold, false, options),
                   options.slice_axis);
  return scores;
}

Numbers numbers_of(const ScoredVolume& scored, const ReconstructionQuality& quality) {
  return {{"anomaly_score", anomaly_score(scored)},
          {"l1", scored.l1.all},
          {"l1_lesion", scored.l1.lesion},
          {"l1_healthy", scored.l1.healthy},
          {"l1_ratio", scored.l1.lesion / scored.l1.healthy},
          {"l2", scored.l2.all},
          {"l2_lesion", scored.l2.lesion},
          {"l2_healthy", scored.l2.healthy},
          {"psnr", quality.psnr},
          {"ssim", quality.ssim},
          {"age", scored.volume.age}};
}

Numbers numbers_of(const PatientScores& s, const EvaluationOptions& options) {
  const Confusion counts = options.confusion == "published" ? publish_counts(s.counts) : s.counts;
  const SliceSummary slices = summarise_slices(s.slices);
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };
  return {{"threshold", s.threshold},
          {"dice", s.rates.dice},
          {"best_dice", s.best.value},
          {"best_threshold", s.best.threshold},
          {"precision", s.rates.precision},
          {"recall", s.rates.sensitivity},
          {"specificity", s.rates.specificity},
          {"false_positive_rate", s.rates.false_positive_rate},
          {"accuracy", s.rates.accuracy},
          {"auprc", s.whole.average_precision},
          {"auroc", s.whole.auroc},
          {"auprc_brain", s.brain.average_precision},
          {"auroc_brain", s.brain.auroc},
          {"hausdorff", s.surface.hausdorff},
          {"hd95", s.surface.hd95},
          {"surface_dice", s.surface.surface_dice},
          {"lesions", number(s.lesions.lesions)},
          {"lesions_found", number(s.lesions.found)},
          {"lesion_sensitivity", number(s.lesions.found) / number(s.lesions.lesions)},
          {"false_alarms", number(s.lesions.false_alarms)},
          {"lesion_voxels", number(s.counts.lesion())},
          {"predicted_voxels", number(s.counts.marked())},
          {"true_positives", number(counts.true_positives)},
          {"false_positives", number(counts.false_positives)},
          {"true_negatives", number(counts.true_negatives)},
          {"false_negatives", number(counts.false_negatives)},
          {"slice_dice", slices.dice},
          {"slice_auprc", slices.auprc},
          {"slice_auroc", slices.auroc}};
}

}  // namespace gyrus
