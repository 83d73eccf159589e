#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include "data/random.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "tests/data/support.hpp"
#include "trainer/evaluation/comparison.hpp"
#include "trainer/evaluation/dice_units.hpp"
#include "trainer/evaluation/histogram.hpp"
#include "trainer/evaluation/patient_scores.hpp"
#include "trainer/evaluation/postprocess.hpp"
#include "trainer/evaluation/protocol.hpp"
#include "trainer/evaluation/results.hpp"
#include "trainer/evaluation/set_checks.hpp"
#include "trainer/evaluation/threshold_curve.hpp"
#include "trainer/evaluation/threshold_search.hpp"
#include "trainer/metrics/value_order.hpp"

namespace gyrus {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A volume with a noisy map that is higher in its lesion; outside a box there is no brain.
ScoredVolume scored_example(std::uint64_t key, Extent extent = {6, 14, 12}) {
  ScoredVolume scored;
  scored.volume.set = "test";
  scored.volume.id = "p" + std::to_string(key);
  scored.volume.depth = extent.depth;
  scored.volume.height = extent.height;
  scored.volume.width = extent.width;
  scored.volume.spacing = {2.0, 2.0, 3.0};
  scored.volume.label = 1;
  Random random(4, Stream::phantom, 0, key);
  for (std::int64_t z = 0; z < extent.depth; ++z)
    for (std::int64_t y = 0; y < extent.height; ++y)
      for (std::int64_t x = 0; x < extent.width; ++x) {
        const bool brain =
            y > 1 && y < 13 && x > 1 && x<11, lesion = z> 1 && y > 4 && y < 8 && x > 3 && x < 8;
        scored.volume.mask.push_back(brain ? 1 : 0);
        scored.volume.lesion.push_back(lesion ? 1 : 0);
        scored.volume.image.push_back(static_cast<float>(random.uniform()));
        const double value = 0.2 + (lesion ? 0.15 : 0.0) + 0.1 * random.normal();
        scored.residual.push_back(brain ? static_cast<float>(std::clamp(value, 0.0, 1.2)) : 0.0f);
      }
  return scored;
}

std::vector<std::uint32_t> descending(const std::vector<float>& values) {
  auto order = ascending_order(values);
  std::ranges::reverse(order);
  return order;
}

TEST(Erosion, OfAFullSliceKeepsAllButTheRim) {
  const std::vector<std::uint8_t> mask(96 * 96, 1);
  const auto eroded = erode_slices(mask, {1, 96, 96}, 3);
  EXPECT_EQ(std::accumulate(eroded.begin(), eroded.end(), 0), 90 * 90);
  EXPECT_EQ(eroded[2 * 96 + 50], 0);
  EXPECT_EQ(eroded[3 * 96 + 3], 1);
  std::vector<std::uint8_t> bar(5 * 7, 0);
  for (int i : {8, 9, 10, 15, 16, 17, 22, 23, 24}) bar[i] = 7;  // rows 1-3, columns 1-3
  EXPECT_EQ(erode_slices(bar, {1, 5, 7}, 1)[16], 1);
  EXPECT_EQ(erode_slices(bar, {1, 5, 7}, 2)[16], 0);
}

TEST(ThresholdGrid, CountsTheThresholdsBelowAResidual) {
  EXPECT_EQ(threshold_grid::num_below(0.0f), 0);
  EXPECT_EQ(threshold_grid::num_below(-1.0f), 0);
  EXPECT_EQ(threshold_grid::num_below(1e-9f), 1);
  EXPECT_EQ(threshold_grid::num_below(1.0f / 8192), 1);  // not above the threshold 1 / 8192
  EXPECT_EQ(threshold_grid::num_below(std::nextafter(1.0f / 8192, 1.0f)), 2);
  EXPECT_EQ(threshold_grid::num_below(0.99999f), 8192);
  EXPECT_EQ(threshold_grid::num_below(5.0f), 8192);
}

TEST(Histogram, DiceThresholdEqualsTryingEveryValue) {
  const ScoredVolume example = scored_example(1);
  const auto& lesion = example.volume.lesion;
  ResidualHistogram histogram;
  histogram.add(example.residual, lesion);
  double best = 0.0;
  for (std::int64_t i = 0; i < threshold_grid::size; i += 7) {
    const double threshold = threshold_grid::threshold(i);
    const double dice =
        rates_of(count_confusion(voxels_above(example.residual, threshold, false), lesion)).dice;
    EXPECT_NEAR(histogram.dice_above(threshold), dice, 1e-12);
    best = std::max(best, dice);
  }
  EXPECT_GE(histogram.best_dice().dice, best);
  EXPECT_NEAR(histogram.dice_above(histogram.best_dice().threshold), histogram.best_dice().dice, 1e-12);
}

TEST(Histogram, AreasEqualTheExactOnesWhereBinsHoldOneValue) {
  ScoredVolume example = scored_example(2);
  for (float& value : example.residual) value = std::floor(value * 512) / 512;
  const RankingAreas exact =
      ranking_areas(example.residual, example.volume.lesion, descending(example.residual));
  ResidualHistogram histogram;
  histogram.add(example.residual, example.volume.lesion);
  EXPECT_NEAR(histogram.auprc(), exact.average_precision, 1e-12);
  EXPECT_NEAR(histogram.auroc(), exact.auroc, 1e-12);
}

TEST(Histogram, WithoutLesionsNothingIsInvented) {
  ResidualHistogram histogram;
  histogram.add(std::vector<float>{0.1f, 0.9f}, std::vector<std::uint8_t>{0, 0});
  EXPECT_EQ(histogram.best_dice().dice, 0.0);
  EXPECT_TRUE(std::isnan(histogram.auprc()));
  EXPECT_TRUE(std::isnan(histogram.auroc()));
}

TEST(ThresholdCurve, EqualsRemovingComponentsAtEveryThreshold) {
  const ScoredVolume scored = scored_example(3);
  const Extent extent = extent_of(scored.volume);
  for (const std::int64_t min_component : {0, 1, 2, 8, 40}) {
    const auto curve = threshold_curve(scored.residual, scored.volume.lesion, descending(scored.residual),
                                       extent, min_component);
    double best = 0.0;
    for (std::int64_t i = 0; i < threshold_grid::size; i += i < 6000 ? 31 : 500) {
      auto map = voxels_above(scored.residual, threshold_grid::threshold(i), false);
      remove_small_components(map, extent, min_component);
      const Confusion counts = count_confusion(map, scored.volume.lesion);
      ASSERT_EQ(curve.marked[i], counts.marked()) << min_component << " " << i;
      ASSERT_EQ(curve.hits[i], counts.true_positives) << min_component << " " << i;
      best = std::max(best, rates_of(counts).dice);
    }
    EXPECT_GE(curve.best().value, best);
    // The search's promise: the map tested at the threshold has the Dice that the search saw.
    EvaluationOptions options;
    options.min_component = min_component;
    const double tested = rates_of(confusion_above(scored, curve.best().threshold, true, options)).dice;
    EXPECT_EQ(tested, curve.best().value);
  }
}

TEST(SetCurve, ObjectivesArePooledOrMeanDice) {
  const ScoredVolume a = scored_example(4), b = scored_example(5, {9, 14, 12});
  const EvaluationOptions options;
  SetCurve set;
  double best_pooled = 0.0, best_mean = 0.0;
  const auto curve_a = own_curve(a, options), curve_b = own_curve(b, options);
  set.add(curve_a);
  set.add(curve_b);
  for (std::int64_t i = 0; i < threshold_grid::size; ++i) {
    const auto hits = static_cast<double>(curve_a.hits[i] + curve_b.hits[i]);
    const auto sizes = static_cast<double>(curve_a.marked[i] + curve_b.marked[i] + curve_a.lesion_voxels +
                                           curve_b.lesion_voxels);
    best_pooled = std::max(best_pooled, 2.0 * hits / sizes);
    best_mean = std::max(best_mean, 0.5 * (curve_a.dice(i) + curve_b.dice(i)));
  }
  EXPECT_EQ(set.best("pooled").value, best_pooled);
  EXPECT_NEAR(set.best("patient").value, best_mean, 1e-11);  // rounded to 2^-40
}

TEST(SetCurve, AnEmptyMapWithoutALesionCountsOne) {
  EXPECT_EQ(dice_units::mean(dice_units::from(std::nan("")), 1), 1.0);
  EXPECT_EQ(dice_units::mean(dice_units::from(0.25) + dice_units::from(std::nan("")), 2), 0.625);
}

TEST(ThresholdSearch, IntervalMissesASecondPeak) {
  const auto dice = [](double threshold) {
    return threshold > 0.82 && threshold < 0.85 ? 0.9 : 0.5 - std::abs(threshold - 0.2);
  };
  const IntervalSearch search = interval_search(1.0, dice);
  EXPECT_EQ(search.rounds.size(), 10u);
  EXPECT_NEAR(search.best.threshold, 0.2, 0.01);
  EXPECT_LT(search.best.value, 0.51);
}

TEST(ThresholdSearch, HealthyQuantileIsTheSmallestValueWithFewEnoughVoxelsAbove) {
  const std::vector<float> values = scored_example(6).residual;
  for (const double rate : {0.0, 0.01, 0.1, 0.3}) {
    const auto count_above = [&](float value) {
      return std::ranges::count_if(values, [&](float residual) { return residual > value; });
    };
    const float found = healthy_quantile(rate, static_cast<std::int64_t>(values.size()), count_above);
    const double allowed = rate * static_cast<double>(values.size());
    EXPECT_LE(static_cast<double>(count_above(found)), allowed);
    EXPECT_NE(std::ranges::find(values, found), values.end());
    for (const float value : values) {
      if (value < found) {
        EXPECT_GT(static_cast<double>(count_above(value)), allowed);
      }
    }
  }
}

TEST(ThresholdSearch, PublishedHealthyThresholdIsOffWithoutTies) {
  // 1000 different values: every step of the curve is as long as the next, so its two ends alone are left.
  std::vector<float> values(1000);
  std::iota(values.begin(), values.end(), 1.0f);
  EXPECT_EQ(healthy_roc_threshold(0.01, count_values(values)), 1.0f);
  const auto halves = merge_counts({count_values({values.begin(), values.begin() + 300}),
                                    count_values({values.begin() + 300, values.end()})});
  EXPECT_EQ(halves.size(), 1000u);
  EXPECT_EQ(halves.front().value, 1000.0f);
}

TEST(ThresholdSearch, ValuesMayOccurMoreOftenThan32BitsCount) {
  const ValueCount many{0.0f, 0xffffffffu};
  const auto merged = merge_counts({{many}, {{0.5f, 1}, many}});
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged.back().count, 0x1fffffffeu);
  EXPECT_EQ(healthy_roc_threshold(0.01, merged), 0.0f);
}

TEST(ValueOrder, KeysFollowTheValuesAndGiveThemBack) {
  const std::vector<float> ascending = {-INFINITY, -2.0f, -1e-40f, 0.0f, 1e-40f, 0.5f, 2.0f, INFINITY};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    EXPECT_EQ(value_of_key(order_key(ascending[i])), ascending[i]);
    if (i > 0) {
      EXPECT_LT(order_key(ascending[i - 1]), order_key(ascending[i]));
    }
  }
}

TEST(PatientScores, EqualTheirPartsAtTheThreshold) {
  const ScoredVolume scored = scored_example(7);
  const EvaluationOptions options;
  const PatientScores scores = score_patient(scored, 0.3, options);
  const Confusion counts = confusion_above(scored, 0.3, true, options);
  EXPECT_EQ(scores.counts.true_positives, counts.true_positives);
  EXPECT_LE(scores.rates.dice, scores.best.value);
  EXPECT_EQ(scores.slices.size(), 6u);  // axial
  EXPECT_GT(scores.brain.auroc, 0.7);
  EXPECT_LT(scores.brain.auroc, scores.whole.auroc);  // the empty rim is easy

  EvaluationOptions in_voxels;
  in_voxels.distance_unit = "voxels";
  in_voxels.slice_axis = "sagittal";
  const PatientScores other = score_patient(scored, 0.3, in_voxels);
  EXPECT_GE(scores.surface.hausdorff, 2.0 * other.surface.hausdorff);
  EXPECT_EQ(other.slices.size(), 14u);
}

TEST(PatientScores, WithoutALesionThereIsNoBestThreshold) {
  ScoredVolume scored = scored_example(9);
  std::ranges::fill(scored.volume.lesion, std::uint8_t{0});
  for (const char* search : {"exhaustive", "interval"}) {
    EvaluationOptions options;
    options.search = search;
    const PatientScores scores = score_patient(scored, 0.3, options);
    EXPECT_TRUE(std::isnan(scores.best.value)) << search;
    EXPECT_TRUE(std::isnan(scores.best.threshold)) << search;
  }
}

TEST(PatientScores, SliceOptionsChooseTheMap) {
  ScoredVolume scored = scored_example(8);
  std::ranges::fill(scored.residual, 0.0f);
  const std::int64_t alone = extent_of(scored.volume).index(2, 5, 5);  // one marked voxel in the lesion
  scored.residual[alone] = 1.0f;
  EvaluationOptions options;
  EXPECT_EQ(score_patient(scored, 0.5, options).slices[2].recall, 0.0);
  options.slice_components = false;  // Q52
  EXPECT_GT(score_patient(scored, 0.5, options).slices[2].recall, 0.0);
  EXPECT_EQ(score_patient(scored, 0.5, options).rates.sensitivity, 0.0);
}

TEST(PatientScores, RoundedThresholdsCompareAsFloats) {
  const std::vector<float> map = {0.1f};  // the float is above the double 0.1
  EXPECT_EQ(voxels_above(map, 0.1, false).front(), 1);
  EXPECT_EQ(voxels_above(map, 0.1, true).front(), 0);  // Q52
}

VolumeInfo listed(const std::string& id, std::int64_t label, std::int64_t lesion_voxels) {
  VolumeInfo volume;
  volume.id = id;
  volume.set = "some_set";
  volume.label = label;
  volume.depth = 2;
  volume.height = volume.width = 10;
  volume.spacing = {2.0, 2.0, 2.0};
  volume.brain_voxels = 90;
  volume.lesion_voxels = lesion_voxels;
  return volume;
}

TEST(SetChecks, SayWhichPatientIsWrongAndWhy) {
  const auto message = [](auto&& check) { return test::error_of<DataError>(check); };
  EXPECT_THAT(message([] {
                check_labelled_set("some_set", {listed("a", 1, 4), listed("b", 1, 0)});
              }),
              AllOf(HasSubstr("patient b of the set some_set"), HasSubstr("no voxel"), HasSubstr("table")));
  EXPECT_THAT(message([] { check_labelled_set("some_set", {listed("full", 1, 90)}); }),
              AllOf(HasSubstr("patient full"), HasSubstr("90 voxels"), HasSubstr("inverted")));
  EXPECT_THAT(message([] { check_labelled_set("some_set", {listed("a", 0, 0)}); }),
              AllOf(HasSubstr("some_set has no lesions"), HasSubstr("evaluation.threshold_sets")));
  EXPECT_THAT(message([] {
                check_healthy_set("some_set", {listed("a", 0, 0), listed("ill", 1, 3)});
              }),
              AllOf(HasSubstr("patient ill"), HasSubstr("evaluation.healthy_sets")));
  auto coarse = listed("coarse", 1, 3);
  coarse.spacing = {4.0, 4.0, 4.0};
  EXPECT_THAT(
      message([&] {
        check_one_grid({listed("fine", 1, 3), coarse});
      }),
      AllOf(HasSubstr("fine"), HasSubstr("coarse"), HasSubstr("4x4x4 mm"), HasSubstr("gyrus prepare")));
  EXPECT_EQ(message([] { check_labelled_set("some_set", {listed("a", 1, 4), listed("b", 0, 0)}); }), "");
}

std::vector<PatientRow> example_rows(double shift) {
  std::vector<PatientRow> rows;
  for (int i = 0; i < 12; ++i) {
    const double dice = 0.4 + 0.01 * i + shift * (1 + i % 3);
    rows.push_back(
        {"model", "test", "test", "p" + std::to_string(i), "s", {{"dice", dice}, {"auprc", 0.1 * i / 3.0}}});
  }
  rows.push_back({"model", "val", "validation", "v", "s", {{"dice", 0.1}}});
  rows[3].numbers[1].second = std::nan("");
  return rows;
}

TEST(Results, RowsSurviveTheirTablesBitForBit) {
  const auto rows = example_rows(0.0);
  const auto read = rows_of_json(to_json(rows), "here");
  ASSERT_EQ(read.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(read[i].patient, rows[i].patient);
    EXPECT_EQ(read[i].at("dice"), rows[i].at("dice"));
  }
  EXPECT_TRUE(std::isnan(read[3].at("auprc")));
  EXPECT_THAT(to_csv(rows),
              HasSubstr("method,set,stage,patient,subject,dice,auprc\nmodel,test,test,p0,s,0.4,0\n"));
  EXPECT_THAT(test::error_of<DataError>([] { rows_of_json("{\"a\"", "there"); }), HasSubstr("there"));
}

TEST(Results, SummariesNameMeanIntervalAndTotals) {
  std::vector<PatientRow> rows = {{"model", "test", "test", "a", "s", {}},
                                  {"model", "test", "test", "b", "s", {}}};
  rows[0].numbers = {{"dice", 0.5},        {"l1_lesion", 0.3}, {"l1_healthy", 0.1}, {"predicted_voxels", 6},
                     {"lesion_voxels", 2}, {"lesions", 3},     {"lesions_found", 1}};
  rows[1].numbers = {{"dice", 1.0},        {"l1_lesion", 0.5}, {"l1_healthy", 0.1}, {"predicted_voxels", 4},
                     {"lesion_voxels", 4}, {"lesions", 1},     {"lesions_found", 1}};
  const SetSummary summary = summarise_rows(rows, 500, 1);
  EXPECT_EQ(summary.numbers.front().over_patients.mean, 0.75);
  EXPECT_GE(summary.numbers.front().interval.low, 0.5);
  EXPECT_LE(summary.numbers.front().interval.high, 1.0);
  const std::map<std::string, double> totals(summary.totals.begin(), summary.totals.end());
  EXPECT_NEAR(totals.at("pooled_dice"), 2.0 * (2 + 4) / 16.0, 1e-12);
  EXPECT_EQ(totals.at("pooled_lesion_sensitivity"), 0.5);
  EXPECT_NEAR(totals.at("l1_ratio_of_means"), 4.0, 1e-12);
}

TEST(Results, VolumesOfAllRanksComeInTheOrderOfTheirSet) {
  const std::vector<std::vector<int>> rows = {{0, 3, 6}, {1, 4}, {2, 5}};
  EXPECT_THAT(in_volume_order(rows, 1), testing::ElementsAre(0, 1, 2, 3, 4, 5, 6));
  const std::vector<std::vector<int>> slices = {{0, 1, 4, 5}, {2, 3}, {}};  // two per volume, a rank without
  EXPECT_THAT(in_volume_order(slices, 2), testing::ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_TRUE(in_volume_order(std::vector<std::vector<int>>(3), 0).empty());
}

TEST(Results, ExamplesOfEqualScoresAreThoseThatComeFirst) {
  EvaluationResults results;
  for (const char* patient : {"c", "a", "b", "d"})
    results.rows.push_back({"model", "test", "test", patient, "s", {{"dice", 0.5}, {"threshold", 0.1}}});
  results.rows.push_back({"model", "test", "test", "e", "s", {{"dice", std::nan("")}}});
  const auto examples = choose_examples(results, "model");
  ASSERT_EQ(examples.size(), 3u);
  EXPECT_EQ(examples[0].patient, "c");
  EXPECT_EQ(examples[1].patient, "b");
  EXPECT_EQ(examples[2].patient, "d");
}

TEST(Comparison, PairsPatientsAndLeavesValidationOut) {
  const auto comparisons = compare_rows(example_rows(0.0), example_rows(0.02));
  ASSERT_EQ(comparisons.size(), 2u);
  EXPECT_EQ(comparisons[0].number, "dice");
  EXPECT_EQ(comparisons[0].pairs, 12);
  EXPECT_NEAR(comparisons[0].mean_b - comparisons[0].mean_a, 0.04, 1e-12);
  EXPECT_NEAR(comparisons[0].test.p_value, 2.0 / 4096.0, 1e-12);
  EXPECT_EQ(comparisons[1].pairs, 11);  // of one patient the AUPRC is not defined
  EXPECT_EQ(comparisons[1].test.p_value, 1.0);
  auto other = example_rows(0.0);
  for (auto& row : other) row.set = "another";
  EXPECT_THAT(test::error_of<DataError>([&] { compare_rows(example_rows(0.0), other); }),
              HasSubstr("in common"));
}

TEST(Comparison, AFolderMustNameOneEvaluation) {
  const test::Scratch scratch;
  const auto run = scratch / "run";
  EXPECT_THAT(test::error_of<DataError>([&] { find_results(run); }), HasSubstr("gyrus eval"));
  for (const char* name : {"step-1", "step-2"}) {
    gyrus::create_directories(run / "evaluation" / name);
    test::write_text(run / "evaluation" / name / "patients.json", "[]");
    if (name == std::string("step-1")) {
      EXPECT_EQ(find_results(run), run / "evaluation" / "step-1");
    }
  }
  EXPECT_THAT(test::error_of<ConfigError>([&] { find_results(run); }),
              AllOf(HasSubstr("step-1"), HasSubstr("step-2")));
  EXPECT_EQ(find_results(run / "evaluation" / "step-2"), run / "evaluation" / "step-2");
}

}  // namespace
}  // namespace gyrus
