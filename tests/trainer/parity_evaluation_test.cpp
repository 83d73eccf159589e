// Case 14: post-processing, thresholds and scores of volumes with real brains and lesion masks. Their
// intensities are multiples of 1/1024, so all but sums must agree exactly.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <numeric>
#include <set>

#include "tests/support/parity.hpp"
#include "trainer/evaluation/patient_scores.hpp"
#include "trainer/evaluation/postprocess.hpp"
#include "trainer/evaluation/threshold_search.hpp"
#include "trainer/metrics/median_filter.hpp"
#include "trainer/metrics/statistics.hpp"
#include "trainer/metrics/value_order.hpp"

namespace gyrus::parity {
namespace {

using Values = std::vector<double>;

/// configs/evaluation/reference.yaml, with the case's erosion (96 // 25).
EvaluationOptions published() {
  EvaluationOptions options;
  options.erosion = 3;
  options.search = "interval";
  options.search_components = false;
  options.round_threshold = true;
  options.confusion = "published";
  options.specificity_epsilon = 1e-7;
  options.slice_axis = "sagittal";
  options.slice_components = false;
  options.distance_unit = "voxels";
  return options;
}

EvaluationOptions corrected() {
  EvaluationOptions options;
  options.erosion = 3;
  options.distance_unit = "voxels";
  return options;
}

std::vector<std::uint32_t> descending(const std::vector<float>& values) {
  auto order = ascending_order(values);
  std::ranges::reverse(order);
  return order;
}

class EvaluationParity : public testing::Test {
 protected:
  void SetUp() override {
    if (!Case::available("evaluation")) GTEST_SKIP() << "skipped: no parity case evaluation at " << folder();
    case_ = std::make_unique<Case>("evaluation");
    while (case_->has("/volume_" + std::to_string(num_volumes_))) ++num_volumes_;
    ASSERT_GT(num_volumes_, 0);
  }

  std::string volume_name(int number) const { return "volume_" + std::to_string(number); }
  Extent extent(const std::string& path) const {
    const torch::Tensor volume = case_->tensor(path);
    return {volume.dim() > 2 ? volume.size(2) : 1, volume.size(0), volume.size(1)};
  }
  /// A volume of the case, (x, y, z), as slices [z][x][y].
  template <class T>
  std::vector<T> slices(const std::string& path) const {
    torch::Tensor volume = case_->tensor(path).to(torch::kFloat64);
    if (volume.dim() == 3) volume = volume.permute({2, 0, 1});
    volume = volume.contiguous();
    return {volume.data_ptr<double>(), volume.data_ptr<double>() + volume.numel()};
  }

  void check(const std::string& path, const torch::Tensor& found) {
    checked_.insert(path);
    case_->expect(path, found, torch::kFloat32);
  }
  void check(const std::string& path, const Values& found) {
    check(path, torch::tensor(found, torch::kFloat64));
  }
  void check(const std::string& path, double found) { check(path, Values{found}); }
  /// Slices [z][x][y] against a volume (x, y, z).
  template <class T>
  void check_slices(const std::string& path, const std::vector<T>& found) {
    const Extent size = extent(path);
    const torch::Tensor values = torch::tensor(Values(found.begin(), found.end()), torch::kFloat64);
    check(path, values.reshape({size.depth, size.height, size.width}).permute({1, 2, 0}).contiguous());
  }

  /// A volume with its residual post-processed as in an evaluation.
  ScoredVolume score(int number, const EvaluationOptions& options) const {
    const std::string name = volume_name(number);
    ScoredVolume scored;
    Volume& volume = scored.volume;
    const Extent size = extent(name + "/x");
    volume.depth = size.depth;
    volume.height = size.height;
    volume.width = size.width;
    volume.image = slices<float>(name + "/x");
    volume.mask = slices<std::uint8_t>(name + "/mask");
    volume.lesion = slices<std::uint8_t>(name + "/seg");
    volume.label = 1;
    scored.reconstruction = slices<float>(name + "/x_hat");
    std::vector<float> residual(volume.image.size());
    for (std::size_t i = 0; i < residual.size(); ++i)
      residual[i] = std::abs(volume.image[i] - scored.reconstruction[i]);
    measure_errors(residual, scored);
    scored.residual = postprocess_map(std::move(residual), volume.mask, size, options);
    return scored;
  }

  /// The search over the voxels of all volumes together.
  IntervalSearch search_pooled() const {
    std::vector<ScoredVolume> volumes;
    float largest = 0.0f;
    for (int k = 0; k < num_volumes_; ++k) {
      volumes.push_back(score(k, published()));
      largest = std::max(largest, *std::ranges::max_element(volumes.back().residual));
    }
    return interval_search(largest, [&](double threshold) {
      std::int64_t hits = 0, sizes = 0;
      for (const auto& volume : volumes) {
        const Confusion counts = confusion_above(volume, threshold, false, published());
        hits += counts.true_positives;
        sizes += counts.marked() + counts.lesion();
      }
      return 2.0 * static_cast<double>(hits) / static_cast<double>(sizes);
    });
  }

  double threshold_of(const std::string& stage, const ScoredVolume& scored) const {
    return stage == "test" ? case_->scalar("pooled/threshold")
                           : own_best_threshold(scored, published()).threshold;
  }

  void check_rounds(const std::string& path, const IntervalSearch& search) {
    Values flat;
    for (const auto& round : search.rounds) flat.insert(flat.end(), round.begin(), round.end());
    check(path, flat);
  }

  void check_toys();
  void check_volumes();
  void check_thresholds();
  void check_published_records(const std::string& stage);
  void check_published_slices(const std::string& stage, const std::vector<SliceScore>& slices);
  void check_corrected_scores(const std::string& stage);

  std::unique_ptr<Case> case_;
  int num_volumes_ = 0;
  std::set<std::string> checked_;
};

void EvaluationParity::check_toys() {
  check_slices("toy/erosion/output",
               erode_slices(slices<std::uint8_t>("toy/erosion/input"), extent("toy/erosion/input"), 3));
  check_slices("toy/median/output",
               median_filter(slices<float>("toy/median/input"), extent("toy/median/input"), 5));
  auto binary = slices<std::uint8_t>("toy/components/input");
  remove_small_components(binary, extent("toy/components/input"), EvaluationOptions().min_component);
  check_slices("toy/components/output", binary);

  const auto score = slices<float>("toy/ties/score");
  const auto label = slices<std::uint8_t>("toy/ties/label");
  const RankingAreas areas = ranking_areas(score, label, descending(score));
  check("toy/ties/auprc", areas.average_precision);
  check("toy/ties/auroc", areas.auroc);

  const auto values = slices<float>("toy/search/x");
  const auto lesion = slices<std::uint8_t>("toy/search/y");
  const auto search = interval_search(*std::ranges::max_element(values), [&](double threshold) {
    return rates_of(count_confusion(voxels_above(values, threshold, true), lesion)).dice;
  });
  check("toy/search/result", Values{search.best.value, search.best.threshold});
  check_rounds("toy/search/trace", search);
}

void EvaluationParity::check_volumes() {
  for (int k = 0; k < num_volumes_; ++k) {
    const std::string name = volume_name(k);
    const ScoredVolume scored = score(k, published());
    check_slices(name + "/eroded_mask", erode_slices(scored.volume.mask, extent_of(scored.volume), 3));
    check_slices(name + "/filtered", scored.residual);
    check(name + "/l1_error_f64", Values{scored.l1.all, scored.l1.lesion, scored.l1.healthy});

    EvaluationOptions median_first = published();
    median_first.order = "median_first";  // Q38
    const ScoredVolume other = score(k, median_first);
    check_slices(name + "/paper_order/filtered", other.residual);
    check(name + "/paper_order/auprc",
          ranking_areas(other.residual, other.volume.lesion, descending(other.residual)).average_precision);
  }
}

void EvaluationParity::check_thresholds() {
  for (int k = 0; k < num_volumes_; ++k) {
    const ScoredVolume scored = score(k, published());
    check_rounds(volume_name(k) + "/search_trace",
                 interval_search(*std::ranges::max_element(scored.residual), [&](double threshold) {
                   return rates_of(confusion_above(scored, threshold, false, published())).dice;
                 }));
  }
  const IntervalSearch pooled = search_pooled();
  check("pooled/dice", pooled.best.value);
  check("pooled/threshold", pooled.best.threshold);
  check_rounds("pooled/trace", pooled);

  SetCurve curve;
  EvaluationOptions no_components = corrected();
  no_components.search_components = false;
  float next = 1.0f, below = 0.0f;  // residuals around the threshold
  for (int k = 0; k < num_volumes_; ++k) curve.add(own_curve(score(k, no_components), no_components));
  const BestThreshold best = curve.best("pooled");
  for (int k = 0; k < num_volumes_; ++k)
    for (const float residual : score(k, no_components).residual)
      (residual > best.threshold ? next : below) =
          residual > best.threshold ? std::min(next, residual) : std::max(below, residual);
  check("pooled/corrected_exhaustive", Values{best.value, next, below});

  const ScoredVolume healthy = score(1, published());
  check("healthy/anomaly_score", anomaly_score(healthy));
  Values exact, from_roc;
  const auto counts = count_values(healthy.residual);
  for (const double rate : {0.01, 0.05, 0.10}) {
    exact.push_back(
        healthy_quantile(rate, static_cast<std::int64_t>(healthy.residual.size()), [&](float value) {
          return std::ranges::count_if(healthy.residual, [&](float residual) { return residual > value; });
        }));
    from_roc.push_back(healthy_roc_threshold(rate, counts));
  }
  check("healthy/corrected_thresholds", exact);
  check("healthy/faithful_thresholds", from_roc);
}

void EvaluationParity::check_published_records(const std::string& stage) {
  // The published name of each record, and ours.
  const std::vector<std::pair<std::string, std::string>> records = {
      {"AUCPerVol", "auroc"},
      {"AUPRCPerVol", "auprc"},
      {"AUCAnomalyRecoPerSlice", "slice_auroc"},
      {"AUPRCAnomalyRecoPerSlice", "slice_auprc"},
      {"AccuracyPerVol", "accuracy"},
      {"AnomalyScoreRecoPerVol", "anomaly_score"},
      {"BestDicePerVol", "best_dice"},
      {"BestThresholdPerVol", "threshold"},
      {"DiceScorePerVol", "dice"},
      {"FNPerVol", "false_negatives"},
      {"FPPerVol", "false_positives"},
      {"TNPerVol", "true_negatives"},
      {"TPPerVol", "true_positives"},
      {"FPRPerVol", "false_positive_rate"},
      {"TPRPerVol", "recall"},
      {"HausPerVol", "hausdorff"},
      {"PrecisionPerVol", "precision"},
      {"RecallPerVol", "recall"},
      {"SpecificityPerVol", "specificity"},
      {"l1recoErrorAll", "l1"},
      {"l1recoErrorHealthy", "l1_healthy"},
      {"l1recoErrorUnhealthy", "l1_lesion"},
      {"l2recoErrorAll", "l2"},
      {"l2recoErrorHealthy", "l2_healthy"},
      {"l2recoErrorUnhealthy", "l2_lesion"},
      {"lesionSizePerVol", "lesion_voxels"}};
  const std::string group = "faithful/" + stage + "/";
  std::map<std::string, Values> columns;
  std::vector<SliceScore> slices;
  for (int k = 0; k < num_volumes_; ++k) {
    const ScoredVolume scored = score(k, published());
    const PatientScores scores = score_patient(scored, threshold_of(stage, scored), published());
    for (const auto& [name, value] : numbers_of(scores, published())) columns[name].push_back(value);
    for (const auto& [name, value] : numbers_of(scored, {})) columns[name].push_back(value);
    slices.insert(slices.end(), scores.slices.begin(), scores.slices.end());
  }
  for (const auto& [theirs, ours] : records) check(group + theirs, columns.at(ours));
  check_published_slices(group + "slicewise/", slices);

  const std::vector<std::pair<std::string, std::string>> means = {
      {"AUPRCPerVol", "auprc"},    {"BestDicePerVol", "best_dice"},  {"DicePerVol", "dice"},
      {"HausPerVol", "hausdorff"}, {"PrecisionPerVol", "precision"}, {"RecallPerVol", "recall"},
      {"l1recoErrorAll", "l1"}};
  for (const auto& [theirs, ours] : means) {
    const MeanAndDeviation summary = summarise(columns.at(ours));
    if (case_->has("/" + group + "summary/" + theirs + "Mean"))
      check(group + "summary/" + theirs + "Mean", summary.mean);
    if (case_->has("/" + group + "summary/" + theirs + "Std"))
      check(group + "summary/" + theirs + "Std", summary.deviation);
  }
}

void EvaluationParity::check_published_slices(const std::string& group,
                                              const std::vector<SliceScore>& slices) {
  Values scores, labels, dice, precision, recall, sizes;
  for (const SliceScore& slice : slices) {
    scores.push_back(slice.anomaly_score);
    labels.push_back(slice.lesion_voxels > 0 ? 1.0 : 0.0);
    if (slice.lesion_voxels == 0) continue;
    dice.push_back(slice.dice);
    precision.push_back(slice.precision);
    recall.push_back(slice.recall);
    sizes.push_back(static_cast<double>(slice.lesion_voxels));
  }
  check(group + "AnomalyScoreRecoPerSlice", scores);
  check(group + "labelPerSlice", labels);
  check(group + "DiceScorePerSlice", dice);
  check(group + "PrecisionPerSlice", precision);
  check(group + "RecallPerSlice", recall);
  check(group + "lesionSizePerSlice", sizes);
}

void EvaluationParity::check_corrected_scores(const std::string& stage) {
  for (int k = 0; k < num_volumes_; ++k) {
    const std::string name = volume_name(k) + "/" + stage, group = name + "/corrected/";
    const ScoredVolume scored = score(k, corrected());
    const double threshold = threshold_of(stage, scored);
    auto binary = voxels_above(scored.residual, threshold, true);
    EXPECT_EQ(std::count(binary.begin(), binary.end(), 1), case_->integer(name + "/voxels_before_removal"));
    auto sizes = label_components(binary, extent_of(scored.volume)).size;
    std::ranges::sort(sizes, std::greater{});
    EXPECT_EQ(sizes, case_->integers(name + "/component_sizes")) << name;
    remove_small_components(binary, extent_of(scored.volume), corrected().min_component);
    check_slices(name + "/binary", binary);

    const PatientScores scores = score_patient(scored, threshold, corrected());
    check(group + "TP", static_cast<double>(scores.counts.true_positives));
    check(group + "FP", static_cast<double>(scores.counts.false_positives));
    check(group + "TN", static_cast<double>(scores.counts.true_negatives));
    check(group + "FN", static_cast<double>(scores.counts.false_negatives));
    check(group + "dice", scores.rates.dice);
    check(group + "precision", scores.rates.precision);
    check(group + "sensitivity", scores.rates.sensitivity);
    check(group + "specificity", scores.rates.specificity);
    check(group + "false_positive_rate", scores.rates.false_positive_rate);
    check(group + "accuracy", scores.rates.accuracy);
    check(group + "auprc_brain_only", scores.brain.average_precision);
    check(group + "auroc_brain_only", scores.brain.auroc);
    check(group + "hausdorff_voxels", scores.surface.hausdorff);
    Values dice;
    std::vector<std::int64_t> with_lesion;
    for (const SliceScore& slice : scores.slices) {
      if (slice.lesion_voxels == 0) continue;
      with_lesion.push_back(slice.index);
      dice.push_back(slice.dice);
    }
    EXPECT_EQ(with_lesion, case_->integers(group + "axial/slice"));
    check(group + "axial/dice", dice);
  }
}

TEST_F(EvaluationParity, SingleSteps) {
  check_toys();
}

TEST_F(EvaluationParity, PostprocessingInBothOrders) {
  check_volumes();
}

TEST_F(EvaluationParity, Thresholds) {
  check_thresholds();
}

TEST_F(EvaluationParity, PublishedRecordsOfValidationAndTest) {
  check_published_records("val");
  check_published_records("test");
}

TEST_F(EvaluationParity, CorrectedScores) {
  check_corrected_scores("val");
  check_corrected_scores("test");
}

TEST_F(EvaluationParity, NothingOfTheCaseIsLeftOut) {
  check_toys();
  check_volumes();
  check_thresholds();
  for (const char* stage : {"val", "test"}) {
    check_published_records(stage);
    check_corrected_scores(stage);
  }
  for (const auto& path : case_->paths_to_compare()) EXPECT_TRUE(checked_.contains(path)) << path;
}

}  // namespace
}  // namespace gyrus::parity
