#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/random.hpp"
#include "trainer/evaluation/histogram.hpp"
#include "trainer/evaluation/patient_scores.hpp"
#include "trainer/evaluation/postprocess.hpp"

namespace gyrus {
namespace {

std::vector<float> random_values(std::size_t count, std::uint64_t key) {
  Random random(1, Stream::phantom, 0, key);
  std::vector<float> values(count);
  for (auto& value : values) value = random.uniform() < 0.4 ? 0.0f : static_cast<float>(random.uniform());
  return values;
}

TEST(Erosion, OfAFullSliceKeepsAllButTheRim) {
  const std::vector<std::uint8_t> mask(96 * 96, 1);
  const auto eroded = erode_slices(mask, {1, 96, 96}, 3);
  EXPECT_EQ(std::accumulate(eroded.begin(), eroded.end(), 0), 90 * 90);
  EXPECT_EQ(eroded[2 * 96 + 50], 0);
  EXPECT_EQ(eroded[3 * 96 + 3], 1);
}

TEST(Median, EqualsSortingEveryMirroredCube) {
  const Extent extent{5, 7, 6};
  const auto values = random_values(static_cast<std::size_t>(extent.voxels()), 3);
  const auto mirrored = [](std::int64_t i, std::int64_t n) {
    return i < 0 ? -1 - i : i >= n ? 2 * n - 1 - i : i;
  };
  for (const std::int64_t size : {1, 3, 5}) {
    const auto filtered = median_filter(values, extent, size);
    const std::int64_t half = size / 2;
    for (std::int64_t z = 0; z < extent.depth; ++z)
      for (std::int64_t y = 0; y < extent.height; ++y)
        for (std::int64_t x = 0; x < extent.width; ++x) {
          std::vector<float> cube;
          for (std::int64_t dz = -half; dz <= half; ++dz)
            for (std::int64_t dy = -half; dy <= half; ++dy)
              for (std::int64_t dx = -half; dx <= half; ++dx)
                cube.push_back(
                    values[(mirrored(z + dz, 5) * 7 + mirrored(y + dy, 7)) * 6 + mirrored(x + dx, 6)]);
          std::ranges::sort(cube);
          ASSERT_EQ(filtered[(z * 7 + y) * 6 + x], cube[cube.size() / 2]) << size;
        }
  }
}

TEST(Components, SmallOnesGoAndDiagonalNeighboursCount) {
  const Extent extent{2, 4, 4};
  std::vector<std::uint8_t> binary(32, 0);
  binary[0] = binary[5] = binary[16 + 10] = 1;  // a diagonal chain of three through both slices
  binary[15] = 1;                               // touches the chain's end diagonally
  binary[3] = 1;                                // alone
  auto kept = binary;
  remove_small_components(kept, extent, 2);
  EXPECT_EQ(kept[3], 0);
  EXPECT_EQ(std::accumulate(kept.begin(), kept.end(), 0), 4);
  remove_small_components(binary, extent, 5);
  EXPECT_EQ(std::accumulate(binary.begin(), binary.end(), 0), 0);
}

struct Scored {
  std::vector<float> residual;
  std::vector<std::uint8_t> lesion;
};
Scored scored_example() {
  Scored example;
  Random random(2, Stream::phantom, 0, 0);
  for (int i = 0; i < 4000; ++i) {
    example.lesion.push_back(random.uniform() < 0.1 ? 1 : 0);
    // Multiples of a bin, so that the histogram is exact.
    const double value = std::clamp(0.2 + 0.15 * example.lesion.back() + 0.1 * random.normal(), 0.0, 0.99);
    example.residual.push_back(static_cast<float>(std::floor(value * 512) / 512));
  }
  return example;
}

TEST(Histogram, DiceThresholdEqualsTryingEveryValue) {
  const Scored example = scored_example();
  ResidualHistogram histogram;
  histogram.add(example.residual, example.lesion);
  double best = 0.0;
  for (int bin = 1; bin < 512; ++bin) {
    double hits = 0, size = 0;
    for (std::size_t i = 0; i < example.residual.size(); ++i) {
      const bool found = example.residual[i] >= bin / 512.0f;
      hits += found && example.lesion[i] != 0;
      size += found + example.lesion[i];
    }
    best = std::max(best, size == 0 ? 0 : 2 * hits / size);
    EXPECT_NEAR(histogram.dice_above(bin / 512.0), 2 * hits / size, 1e-12);
  }
  EXPECT_NEAR(histogram.best_dice().dice, best, 1e-12);
  EXPECT_NEAR(histogram.dice_above(histogram.best_dice().threshold), best, 1e-12);
}

TEST(Histogram, AreasEqualTheirDefinitions) {
  const Scored example = scored_example();
  ResidualHistogram histogram;
  histogram.add(example.residual, example.lesion);
  std::vector<float> thresholds = example.residual;
  std::ranges::sort(thresholds, std::greater{});
  thresholds.erase(std::unique(thresholds.begin(), thresholds.end()), thresholds.end());
  const double lesions = std::accumulate(example.lesion.begin(), example.lesion.end(), 0.0);
  double precision_area = 0.0, recall_before = 0.0;
  for (const float threshold : thresholds) {
    double hits = 0, found = 0;
    for (std::size_t i = 0; i < example.residual.size(); ++i)
      if (example.residual[i] >= threshold) ++found, hits += example.lesion[i];
    precision_area += (hits / lesions - recall_before) * hits / found;
    recall_before = hits / lesions;
  }
  EXPECT_NEAR(histogram.auprc(), precision_area, 1e-12);
  double wins = 0.0;
  for (std::size_t i = 0; i < example.residual.size(); ++i)
    for (std::size_t j = 0; example.lesion[i] != 0 && j < example.residual.size(); ++j)
      if (example.lesion[j] == 0)
        wins += example.residual[i] > example.residual[j]    ? 1.0
                : example.residual[i] == example.residual[j] ? 0.5
                                                             : 0.0;
  EXPECT_NEAR(histogram.auroc(), wins / (lesions * (4000 - lesions)), 1e-12);
}

TEST(Histogram, WithoutLesionsNothingIsInvented) {
  ResidualHistogram histogram;
  histogram.add(std::vector<float>{0.1f, 0.9f}, std::vector<std::uint8_t>{0, 0});
  EXPECT_EQ(histogram.best_dice().dice, 0.0);
  EXPECT_TRUE(std::isnan(histogram.auprc()));
  EXPECT_TRUE(std::isnan(histogram.auroc()));
}

TEST(PatientScores, CountsHaveTheirProperNames) {
  ScoredVolume scored;
  scored.volume.depth = 1;
  scored.volume.height = 2;
  scored.volume.width = 4;
  scored.volume.lesion = {1, 1, 1, 0, 0, 0, 0, 0};
  scored.volume.mask = {1, 1, 1, 1, 1, 1, 0, 0};
  scored.volume.image.assign(8, 0.0f);
  scored.residual = {0.9f, 0.8f, 0.1f, 0.7f, 0, 0, 0, 0};
  const PatientScores scores = score_patient(scored, 0.5, 1);
  EXPECT_EQ(scores.predicted_voxels, 3);
  EXPECT_NEAR(scores.precision, 2.0 / 3.0, 1e-12);
  EXPECT_NEAR(scores.recall, 2.0 / 3.0, 1e-12);
  EXPECT_NEAR(scores.dice, 4.0 / 6.0, 1e-12);
  EXPECT_NEAR(scores.anomaly_score, 2.5 / 6.0, 1e-6);
  EXPECT_TRUE(std::isnan(score_patient(scored, 0.5, 9).precision));
  const auto summary = summarise({1.0, std::nan(""), 3.0});
  EXPECT_EQ(summary.mean, 2.0);
  EXPECT_EQ(summary.deviation, 1.0);
  EXPECT_EQ(summary.count, 2);
}

}  // namespace
}  // namespace gyrus
