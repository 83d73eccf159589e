// Functions on maps and numbers, each against its definition or against numbers of scipy, scikit-learn and
// scikit-image.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/random.hpp"
#include "tests/trainer/naive_median.hpp"
#include "trainer/metrics/components.hpp"
#include "trainer/metrics/confusion.hpp"
#include "trainer/metrics/distances.hpp"
#include "trainer/metrics/median_filter.hpp"
#include "trainer/metrics/ranking.hpp"
#include "trainer/metrics/reconstruction_quality.hpp"
#include "trainer/metrics/statistics.hpp"
#include "trainer/metrics/value_order.hpp"

namespace gyrus {
namespace {

std::vector<float> random_values(Extent extent, double share_of_zeros, double low, std::uint64_t key,
                                 double step = 0.0) {
  Random random(1, Stream::phantom, 0, key);
  std::vector<float> values(static_cast<std::size_t>(extent.voxels()));
  for (auto& value : values) {
    const double drawn = random.uniform(low, 1.0);
    value = random.uniform() < share_of_zeros ? 0.0f
            : step > 0.0                      ? static_cast<float>(std::floor(drawn / step) * step)
                                              : static_cast<float>(drawn);
  }
  return values;
}

std::vector<std::uint8_t> random_mask(Extent extent, double share, std::uint64_t key) {
  Random random(2, Stream::phantom, 0, key);
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(extent.voxels()));
  for (auto& value : mask) value = random.uniform() < share ? 1 : 0;
  return mask;
}

TEST(Median, EqualsSortingEveryMirroredCube) {
  // Also smaller than the window, where an index is mirrored more than once.
  for (const Extent extent : {Extent{5, 7, 6}, Extent{2, 3, 1}, Extent{9, 20, 33}})
    for (const std::int64_t size : {1, 3, 5, 7})
      for (const double zeros : {0.0, 0.4, 0.7, 1.0})
        for (const double low : {0.0, -1.0}) {
          const auto values = random_values(extent, zeros, low, 3);
          ASSERT_EQ(median_filter(values, extent, size), naive_median(values, extent, size))
              << size << " " << zeros << " " << low;
        }
}

TEST(Median, TiedValuesAreEqualToo) {
  const Extent extent{6, 17, 19};
  const auto values = random_values(extent, 0.3, -0.5, 4, 0.125);
  EXPECT_EQ(median_filter(values, extent, 5), naive_median(values, extent, 5));
}

TEST(ValueOrder, IsStableAndTakesNegativeValues) {
  const std::vector<float> values = {0.5f, -2.0f, 0.0f, 0.5f, -0.0f, 3.0f, -1e-30f, 1e-30f};
  EXPECT_EQ(ascending_order(values), (std::vector<std::uint32_t>{1, 6, 2, 4, 7, 0, 3, 5}));
}

TEST(Components, SmallOnesGoAndDiagonalNeighboursCount) {
  const Extent extent{2, 4, 4};
  std::vector<std::uint8_t> binary(32, 0);
  binary[0] = binary[5] = binary[16 + 10] = 1;  // a diagonal chain of three through both slices
  binary[15] = 1;                               // touches the chain's end diagonally
  binary[3] = 1;                                // alone
  EXPECT_EQ(label_components(binary, extent).size, (std::vector<std::int64_t>{4, 1}));
  auto kept = binary;
  remove_small_components(kept, extent, 2);
  EXPECT_EQ(kept[3], 0);
  EXPECT_EQ(std::accumulate(kept.begin(), kept.end(), 0), 4);
  remove_small_components(binary, extent, 5);
  EXPECT_EQ(std::accumulate(binary.begin(), binary.end(), 0), 0);
}

TEST(Components, LesionsAreCountedOnce) {
  const Extent extent{1, 1, 12};
  const std::vector<std::uint8_t> lesion = {1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0};
  const std::vector<std::uint8_t> map = {1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 1, 0};
  const LesionCounts counts = count_lesions(map, lesion, extent);
  EXPECT_EQ(counts.lesions, 2);
  EXPECT_EQ(counts.found, 1);         // by two components of the map
  EXPECT_EQ(counts.false_alarms, 2);  // those at 7 and at 10
}

TEST(Confusion, CountsHaveTheirProperNamesAndThePublishedOnesDoNot) {
  const std::vector<std::uint8_t> map = {1, 1, 0, 1, 0, 0, 0, 0}, lesion = {1, 1, 1, 0, 0, 0, 0, 0};
  const Confusion counts = count_confusion(map, lesion);
  EXPECT_EQ(counts.true_positives, 2);
  EXPECT_EQ(counts.false_positives, 1);
  EXPECT_EQ(counts.false_negatives, 1);
  EXPECT_EQ(counts.true_negatives, 4);
  const Rates rates = rates_of(counts);
  EXPECT_NEAR(rates.dice, 4.0 / 6.0, 1e-15);
  EXPECT_NEAR(rates.specificity, 4.0 / 5.0, 1e-15);
  EXPECT_NEAR(rates.false_positive_rate, 1.0 / 5.0, 1e-15);
  EXPECT_NEAR(rates.accuracy, 6.0 / 8.0, 1e-15);
  EXPECT_EQ(publish_counts(counts).true_positives, 4);
  EXPECT_EQ(publish_counts(counts).false_negatives, 2);
  EXPECT_NEAR(published_rates(counts, 0.0).false_positive_rate, 1.0 / 3.0, 1e-15);
  EXPECT_NEAR(published_rates(counts, 1e-7).specificity, 1.0 / (2.0 + 1e-7), 1e-15);
}

TEST(Confusion, UndefinedRatesAreNotNumbers) {
  EXPECT_TRUE(std::isnan(rates_of({0, 0, 8, 0}).dice));
  EXPECT_TRUE(std::isnan(rates_of({0, 0, 8, 0}).precision));
  EXPECT_TRUE(std::isnan(rates_of({0, 3, 5, 0}).sensitivity));
  EXPECT_EQ(rates_of({0, 0, 5, 3}).precision, 0.0);  // all missed
}

TEST(Ranking, AreasEqualTheirDefinitions) {
  const Extent extent{4, 10, 10};
  const auto score = random_values(extent, 0.3, 0.0, 5, 0.05);
  const auto label = random_mask(extent, 0.2, 6), inside = random_mask(extent, 0.7, 7);
  auto order = ascending_order(score);
  std::ranges::reverse(order);
  for (const bool confined : {false, true}) {
    double lesions = 0.0, healthy = 0.0, wins = 0.0, precision_area = 0.0;
    const auto counts_in = [&](std::size_t i) { return !confined || inside[i] != 0; };
    for (std::size_t i = 0; i < score.size(); ++i) {
      if (!counts_in(i)) continue;
      lesions += label[i];
      healthy += 1 - label[i];
      if (label[i] == 0) continue;
      double hits_above = 0.0, above = 0.0;
      for (std::size_t j = 0; j < score.size(); ++j) {
        if (!counts_in(j)) continue;
        if (score[j] >= score[i]) ++above, hits_above += label[j];
        if (label[j] == 0) wins += score[i] > score[j] ? 1.0 : score[i] == score[j] ? 0.5 : 0.0;
      }
      precision_area += hits_above / above;
    }
    const RankingAreas areas =
        ranking_areas(score, label, order, confined ? inside : std::vector<std::uint8_t>());
    EXPECT_NEAR(areas.average_precision, precision_area / lesions, 1e-12);
    EXPECT_NEAR(areas.auroc, wins / (lesions * healthy), 1e-12);
  }
  EXPECT_TRUE(std::isnan(ranking_areas(score, std::vector<std::uint8_t>(score.size(), 0), order).auroc));
}

TEST(Distances, EqualTryingEveryPair) {
  const Extent extent{4, 7, 6};
  const VoxelSize voxel = {3.0, 1.0, 0.5};
  const auto mask = random_mask(extent, 0.05, 8);
  const auto found = distance_transform(mask, extent, voxel);
  const auto place = [&](std::int64_t i) {
    return std::array<double, 3>{voxel[0] * static_cast<double>(i / 42),
                                 voxel[1] * static_cast<double>(i / 6 % 7),
                                 voxel[2] * static_cast<double>(i % 6)};
  };
  for (std::int64_t i = 0; i < extent.voxels(); ++i) {
    double nearest = std::numeric_limits<double>::infinity();
    for (std::int64_t j = 0; j < extent.voxels(); ++j) {
      if (mask[j] == 0) continue;
      const auto a = place(i), b = place(j);
      nearest = std::min(nearest, std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]));
    }
    ASSERT_NEAR(found[i], nearest, 1e-12) << i;
  }
}

TEST(Distances, OfTwoBarsAreInMillimetres) {
  // Bars of one row: columns 0..3 and 2..7; voxels are 2 mm wide.
  const Extent extent{1, 1, 8};
  const std::vector<std::uint8_t> map = {1, 1, 1, 1, 0, 0, 0, 0}, lesion = {0, 0, 1, 1, 1, 1, 1, 1};
  const SurfaceScores scores = surface_scores(map, lesion, extent, {1.0, 1.0, 2.0}, 2.0);
  EXPECT_NEAR(scores.hausdorff, 8.0, 1e-12);  // from column 7 to column 3
  // A row of one voxel's height is all border: distances 4 2 0 0 and 0 0 2 4 6 8.
  EXPECT_NEAR(scores.surface_dice, 6.0 / 10.0, 1e-12);
  EXPECT_NEAR(scores.hd95, 6.0 + 0.55 * 2.0, 1e-12);  // place 0.95 * 9 = 8.55 of the sorted ten
  const std::vector<std::uint8_t> empty(8, 0);
  EXPECT_TRUE(std::isnan(surface_scores(empty, lesion, extent, {1, 1, 1}, 1.0).hausdorff));
}

TEST(ReconstructionQuality, EqualsScikitImage) {
  // structural_similarity(a, b, data_range=1) and peak_signal_noise_ratio(a, b, data_range=1) of
  // a[y, x] = (y * 11 + x) / 109 and b = a + 0.1 sin(y + 2 x), 9 rows of 11.
  const Extent extent{1, 9, 11};
  std::vector<float> a, b;
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 11; ++x) {
      a.push_back(static_cast<float>((y * 11 + x) / 109.0));
      b.push_back(static_cast<float>(a.back() + 0.1 * std::sin(y + 2.0 * x)));
    }
  const std::vector<std::uint8_t> brain(99, 1);
  EXPECT_NEAR(structural_similarity(a, b, brain, extent), 0.943167518, 1e-6);
  EXPECT_NEAR(peak_signal_to_noise(a, b), 23.0105013, 1e-4);
  EXPECT_NEAR(structural_similarity(a, a, brain, extent), 1.0, 1e-9);
  EXPECT_TRUE(std::isnan(structural_similarity(a, b, std::vector<std::uint8_t>(99, 0), extent)));
}

TEST(Statistics, MeansLeaveOutWhatIsNotANumber) {
  const auto summary = summarise({1.0, std::nan(""), 3.0, INFINITY});
  EXPECT_EQ(summary.mean, 2.0);
  EXPECT_EQ(summary.deviation, 1.0);
  EXPECT_EQ(summary.count, 2);
  EXPECT_TRUE(std::isnan(summarise({std::nan("")}).mean));
}

TEST(Statistics, BootstrapIntervalsAreRepeatableAndHaveTheRightWidth) {
  std::vector<double> values;
  Random random(3, Stream::phantom, 0, 0);
  for (int i = 0; i < 400; ++i) values.push_back(5.0 + random.normal());
  const Interval interval = bootstrap_interval(values, 2000, 7, 1);
  const Interval again = bootstrap_interval(values, 2000, 7, 1),
                 other = bootstrap_interval(values, 2000, 8, 1);
  EXPECT_EQ(interval.low, again.low);
  EXPECT_NE(interval.low, other.low);
  const auto summary = summarise(values);
  const double half_width = 1.96 * summary.deviation / 20.0;
  EXPECT_NEAR(interval.low, summary.mean - half_width, 0.1 * half_width);
  EXPECT_NEAR(interval.high, summary.mean + half_width, 0.1 * half_width);
}

TEST(Wilcoxon, ExactValuesEqualScipy) {
  // scipy.stats.wilcoxon(differences, method="exact")
  const std::vector<double> differences = {0.5, -0.1, 0.3, 0.9, -0.2, 1.1, 0.7, 0.05};
  const auto result = wilcoxon_signed_rank(differences);
  EXPECT_TRUE(result.is_exact);
  EXPECT_EQ(result.negative_ranks, 5.0);
  EXPECT_NEAR(result.p_value, 0.078125, 1e-12);
  // Signs turned round, and zeros beside them.
  std::vector<double> turned = {0.0, 0.0};
  for (const double value : differences) turned.push_back(-value);
  EXPECT_NEAR(wilcoxon_signed_rank(turned).p_value, result.p_value, 1e-15);
  EXPECT_EQ(wilcoxon_signed_rank({0.0, 0.0}).p_value, 1.0);
}

TEST(Wilcoxon, TiesAreExactToo) {
  // All 2^5 signs of ranks 1.5 1.5 3.5 3.5 5: eight of them are as extreme as this sum of 1.5.
  const std::vector<double> differences = {-1.0, 1.0, 2.0, 2.0, 3.0};
  const std::vector<double> ranks = {1.5, 1.5, 3.5, 3.5, 5.0};
  int extreme = 0;
  for (int signs = 0; signs < 32; ++signs) {
    double positive = 0.0;
    for (int i = 0; i < 5; ++i) positive += (signs >> i & 1) != 0 ? ranks[i] : 0.0;
    extreme += std::min(positive, 15.0 - positive) <= 1.5 ? 1 : 0;
  }
  EXPECT_NEAR(wilcoxon_signed_rank(differences).p_value, extreme / 32.0, 1e-15);
}

TEST(Wilcoxon, ManyPairsUseTheNormalApproximation) {
  // scipy.stats.wilcoxon(d, method="approx", zero_method="wilcox", correction=False)
  std::vector<double> differences;
  for (int i = 0; i < 80; ++i) differences.push_back(((i * 37) % 23 - 9) / 10.0);
  const auto result = wilcoxon_signed_rank(differences);
  EXPECT_FALSE(result.is_exact);
  EXPECT_NEAR(result.p_value, 0.0268883535721116, 1e-12);
}

}  // namespace
}  // namespace gyrus
