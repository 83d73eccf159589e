// Case 14: post-processing, scores and thresholds of two volumes with real brains and lesion masks. Its
// intensities are multiples of 1/1024, so all but sums must agree exactly.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/support/parity.hpp"
#include "trainer/evaluation/histogram.hpp"
#include "trainer/evaluation/patient_scores.hpp"
#include "trainer/evaluation/postprocess.hpp"

namespace gyrus::parity {
namespace {

constexpr std::int64_t erosions = 3, median_size = 5, min_component = 8;

class EvaluationParity : public testing::Test {
 protected:
  void SetUp() override {
    if (!Case::available("evaluation")) GTEST_SKIP() << "no case evaluation in " << folder();
    reference_ = std::make_unique<Case>("evaluation");
  }

  /// A volume of the case, (x, y, z), as slices [z][x][y].
  template <class T>
  std::vector<T> slices(const std::string& path) const {
    const torch::Tensor volume = reference_->tensor(path).permute({2, 0, 1}).contiguous().to(torch::kFloat64);
    return {volume.data_ptr<double>(), volume.data_ptr<double>() + volume.numel()};
  }
  Extent extent(const std::string& path) const {
    const torch::Tensor volume = reference_->tensor(path);
    return {volume.size(2), volume.size(0), volume.size(1)};
  }
  template <class T>
  void expect_slices(const std::string& path, const std::vector<T>& found) const {
    EXPECT_EQ(found, slices<T>(path)) << path;
  }
  void expect_number(const std::string& path, double found, std::int64_t index = 0) const {
    const double wanted = reference_->tensor(path).reshape({-1})[index].item<double>();
    EXPECT_NEAR(found, wanted, reference_->attribute(path, "tolerance") + 1e-15) << path;
  }

  /// The volume, its residual masked and filtered as in an evaluation.
  ScoredVolume score(const std::string& name) const {
    ScoredVolume scored;
    const Extent size = extent(name + "/x");
    scored.volume.depth = size.depth;
    scored.volume.height = size.height;
    scored.volume.width = size.width;
    scored.volume.image = slices<float>(name + "/x");
    scored.volume.mask = slices<std::uint8_t>(name + "/mask");
    scored.volume.lesion = slices<std::uint8_t>(name + "/seg");
    scored.volume.label = 1;
    scored.reconstruction = slices<float>(name + "/x_hat");
    std::vector<float> residual(scored.volume.image.size());
    const auto brain = erode_slices(scored.volume.mask, size, erosions);
    expect_slices(name + "/eroded_mask", brain);
    for (std::size_t i = 0; i < residual.size(); ++i)
      residual[i] = brain[i] != 0 ? std::abs(scored.volume.image[i] - scored.reconstruction[i]) : 0.0f;
    scored.residual = median_filter(residual, size, median_size);
    return scored;
  }

  std::unique_ptr<Case> reference_;
};

/// One slice or volume given as (x, y[, z]) without a third axis.
std::vector<std::uint8_t> bytes_of(const torch::Tensor& values) {
  const torch::Tensor flat = values.contiguous().to(torch::kUInt8);
  return {flat.data_ptr<std::uint8_t>(), flat.data_ptr<std::uint8_t>() + flat.numel()};
}

TEST_F(EvaluationParity, SingleSteps) {
  const torch::Tensor mask = reference_->tensor("toy/erosion/input");
  EXPECT_EQ(erode_slices(bytes_of(mask), {1, mask.size(0), mask.size(1)}, erosions),
            bytes_of(reference_->tensor("toy/erosion/output")));
  expect_slices("toy/median/output",
                median_filter(slices<float>("toy/median/input"), extent("toy/median/input"), median_size));
  auto binary = slices<std::uint8_t>("toy/components/input");
  remove_small_components(binary, extent("toy/components/input"), min_component);
  expect_slices("toy/components/output", binary);
}

TEST_F(EvaluationParity, TiedScoresAreGrouped) {
  const torch::Tensor score = reference_->tensor("toy/ties/score").to(torch::kFloat32);
  ResidualHistogram histogram;
  histogram.add({score.data_ptr<float>(), 10}, bytes_of(reference_->tensor("toy/ties/label")));
  expect_number("toy/ties/auprc", histogram.auprc());
  expect_number("toy/ties/auroc", histogram.auroc());
}

TEST_F(EvaluationParity, VolumesAndTheirPooledThreshold) {
  ResidualHistogram pooled;
  for (const int number : {0, 1}) {
    const std::string name = "volume_" + std::to_string(number), corrected = name + "/test/corrected/";
    const ScoredVolume scored = score(name);
    expect_slices(name + "/filtered", scored.residual);
    pooled.add(scored.residual, scored.volume.lesion);

    const auto threshold = static_cast<float>(reference_->scalar("pooled/threshold"));
    std::vector<std::uint8_t> binary(scored.residual.size());
    for (std::size_t i = 0; i < binary.size(); ++i) binary[i] = scored.residual[i] > threshold;
    EXPECT_EQ(std::count(binary.begin(), binary.end(), 1),
              reference_->integer(name + "/test/voxels_before_removal"));
    remove_small_components(binary, extent(name + "/x"), min_component);
    expect_slices(name + "/test/binary", binary);

    // The program takes residuals at and above the threshold; no residual lies between the two values.
    const PatientScores scores = score_patient(scored, std::nextafter(threshold, 1.0f), min_component);
    expect_number(corrected + "dice", scores.dice);
    expect_number(corrected + "precision", scores.precision);
    expect_number(corrected + "sensitivity", scores.recall);
    EXPECT_EQ(scores.predicted_voxels,
              reference_->integer(corrected + "TP") + reference_->integer(corrected + "FP"));
    EXPECT_EQ(scores.lesion_voxels,
              reference_->integer(corrected + "TP") + reference_->integer(corrected + "FN"));
    expect_number("faithful/test/AUPRCPerVol", scores.auprc, number);
    expect_number("faithful/test/AUCPerVol", scores.auroc, number);
    expect_number("faithful/test/AnomalyScoreRecoPerVol", scores.anomaly_score, number);
  }
  const auto best = pooled.best_dice();
  expect_number("pooled/corrected_exhaustive", best.dice, 0);
  // Any threshold above the third value and up to the second gives that map.
  const torch::Tensor bounds = reference_->tensor("pooled/corrected_exhaustive");
  EXPECT_GT(best.threshold, bounds[2].item<double>());
  EXPECT_LE(best.threshold, bounds[1].item<double>());
}

}  // namespace
}  // namespace gyrus::parity
