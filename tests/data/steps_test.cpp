// The steps of data.steps, against closed forms and numbers of scipy.
#include "data/source/steps.hpp"

#include <gmock/gmock.h>

#include <numeric>

#include "data/source/histogram.hpp"
#include "data/source/preprocess.hpp"
#include "data/source/resample.hpp"
#include "tests/data/support.hpp"

namespace gyrus {
namespace {

using test::error_of;
using testing::HasSubstr;

/// Every step's options at rest: no flow, no clip, 8x8x8 voxels.
DataOptions plain_options(std::vector<std::string> steps) {
  DataOptions options;
  options.kind = "nifti";
  options.root = "r";
  options.image_size = {8, 8, 8};
  options.curvature_flow = false;
  options.clip = false;
  options.steps = std::move(steps);
  options.sources = {"a"};
  options.source["a"].folder = "f";
  options.source["a"].subjects = {"s"};
  options.source["a"].image = "i";
  return options;
}

/// Voxel (x, y, z) is 100 x + 10 y + z; all of it is brain; 1 mm, LPS.
Triple numbered(std::array<std::int64_t, 3> size) {
  Triple triple{Grid<float>(size), Grid<std::uint8_t>(size, 1), Grid<std::uint8_t>(size), {1, 1, 1}, {}};
  for (std::int64_t x = 0; x < size[0]; ++x)
    for (std::int64_t y = 0; y < size[1]; ++y)
      for (std::int64_t z = 0; z < size[2]; ++z)
        triple.image.at(x, y, z) = static_cast<float>(100 * x + 10 * y + z);
  triple.affine = {{{-1, 0, 0, 5}, {0, -1, 0, 6}, {0, 0, 1, 7}}};
  return triple;
}

TEST(Resample, TheNewSizeIsRoundedAndNeverZero) {
  EXPECT_EQ(resampled_size({5, 4, 3}, {1, 1.5, 2}, {0.8, 2, 1.1}), (std::array<std::int64_t, 3>{6, 3, 5}));
  EXPECT_EQ(resampled_size({1, 2, 3}, {1, 1, 1}, {4, 4, 4}), (std::array<std::int64_t, 3>{1, 1, 1}));
}

TEST(Resample, LinearAndSplineReproduceALinearRamp) {
  Grid<float> ramp({12, 6, 5});
  for (std::int64_t x = 0; x < 12; ++x)
    for (std::int64_t y = 0; y < 6; ++y)
      for (std::int64_t z = 0; z < 5; ++z) ramp.at(x, y, z) = static_cast<float>(2 * x - y + 3 * z);
  const auto linear = resample_image(ramp, {1, 1, 1}, {0.75, 0.5, 1.25}, Interpolation::linear);
  EXPECT_EQ(linear.size, (std::array<std::int64_t, 3>{16, 12, 4}));
  EXPECT_NEAR(linear.at(3, 5, 2), 2 * 2.25 - 2.5 + 3 * 2.5, 1e-5);
  EXPECT_NEAR(linear.at(13, 9, 1), 2 * 9.75 - 4.5 + 3 * 1.25, 1e-5);
  // The mirror boundary bends a ramp at its ends, by a factor of 0.27 per voxel; the middle of a long one is
  // straight.
  Grid<float> line({60, 1, 1});
  std::iota(line.values.begin(), line.values.end(), 0.0f);
  const auto spline = resample_image(line, {1, 1, 1}, {0.7, 1, 1}, Interpolation::bspline);
  for (std::int64_t k = 30; k < 60; ++k) EXPECT_NEAR(spline.at(k, 0, 0), 0.7 * static_cast<double>(k), 1e-5);
}

TEST(Resample, AgreesWithScipy) {
  // im = (7 x^2 + 3 x y + 5 z^3 + 2 y) mod 11 on 5x4x3 voxels; scipy.ndimage.map_coordinates(im, k * new /
  // old), order 1 with mode nearest, order 3 with mode mirror; `weighted` is the sum of value * (i mod 7 - 3)
  // over the result's voxels in order.
  Grid<float> image({5, 4, 3});
  for (std::int64_t x = 0; x < 5; ++x)
    for (std::int64_t y = 0; y < 4; ++y)
      for (std::int64_t z = 0; z < 3; ++z)
        image.at(x, y, z) = static_cast<float>((7 * x * x + 3 * x * y + 5 * z * z * z + 2 * y) % 11);
  struct Expected {
    Interpolation interpolation;
    double at_111, at_223, at_514, sum, weighted;
  };
  for (const auto& expected : {Expected{Interpolation::linear, 3.8033333333333332, 4.433333333333334, 2.0,
                                        398.44, -50.883333333333354},
                               Expected{Interpolation::bspline, 3.5202442068783095, 4.935281114814817,
                                        1.1642074074074105, 400.18921471111116, -57.68684501798954}}) {
    const auto result = resample_image(image, {1, 1.5, 2}, {0.8, 2, 1.1}, expected.interpolation);
    EXPECT_NEAR(result.at(1, 1, 1), expected.at_111, 1e-6);
    EXPECT_NEAR(result.at(2, 2, 3), expected.at_223, 1e-6);
    EXPECT_NEAR(result.at(5, 1, 4), expected.at_514, 1e-6);
    double sum = 0.0, weighted = 0.0;
    for (std::size_t i = 0; i < result.values.size(); ++i) {
      sum += result.values[i];
      weighted += result.values[i] * (static_cast<double>(i % 7) - 3.0);
    }
    EXPECT_NEAR(sum, expected.sum, 1e-4);
    EXPECT_NEAR(weighted, expected.weighted, 1e-4);
  }
}

TEST(Resample, NearestTakesTheUpperVoxelAtHalves) {
  Grid<float> line({4, 1, 1});
  line.values = {10, 20, 30, 40};
  EXPECT_EQ(resample_image(line, {2, 1, 1}, {1, 1, 1}, Interpolation::nearest).values,
            (std::vector<float>{10, 20, 20, 30, 30, 40, 40, 0}));  // index 3.5 is outside: 0
}

TEST(Resample, SplineKeepsVoxelsThatStayWhereTheyAre) {
  Grid<float> one({1, 3, 2});
  one.values = {3, 1, 4, 1, 5, 9};
  const auto same = resample_image(one, {1, 1, 1}, {1, 1, 1}, Interpolation::bspline);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(same.values[i], one.values[i], 1e-6);
}

TEST(Resample, LinearLabelsDilateAndNearestOnesDoNot) {
  Grid<std::uint8_t> label({9, 1, 1});
  label.values = {0, 0, 0, 0, 1, 0, 0, 0, 0};
  const auto sum = [&](Interpolation interpolation) {
    const auto result = resample_labels(label, {1, 1, 1}, {0.5, 1, 1}, interpolation);
    return std::accumulate(result.values.begin(), result.values.end(), 0);
  };
  EXPECT_EQ(sum(Interpolation::nearest), 2);  // one voxel of 1 mm is two of 0.5 mm
  EXPECT_EQ(sum(Interpolation::linear), 3);   // and every new one between it and its neighbours (Q22)
}

TEST(Steps, ResampleKeepsTheFirstVoxelsPlaceAndTheWholeAffine) {
  auto options = plain_options({"resample"});
  options.resample.spacing = {2, 1, 0.5};
  auto triple = numbered({8, 8, 8});
  triple.lesion.at(2, 3, 4) = 1;
  run_steps(options.steps, options, "v", triple);
  EXPECT_EQ(triple.image.size, (std::array<std::int64_t, 3>{4, 8, 16}));
  EXPECT_EQ(triple.spacing, (std::array<double, 3>{2, 1, 0.5}));
  EXPECT_EQ(triple.affine, (Affine{{{-2, 0, 0, 5}, {0, -1, 0, 6}, {0, 0, 0.5, 7}}}));
  EXPECT_FLOAT_EQ(triple.image.at(1, 2, 3), 200.0f + 20.0f + 1.5f);
  EXPECT_EQ(triple.lesion.at(1, 3, 8), 1);
  EXPECT_EQ(std::accumulate(triple.lesion.values.begin(), triple.lesion.values.end(), 0), 2);
  options.resample.labels = "linear";
  triple = numbered({8, 8, 8});
  triple.lesion.at(2, 3, 4) = 1;
  run_steps(options.steps, options, "v", triple);
  EXPECT_EQ(std::accumulate(triple.lesion.values.begin(), triple.lesion.values.end(), 0), 3);
  options.resample.interpolation = "nearest";
  triple = numbered({8, 8, 8});
  run_steps(options.steps, options, "v", triple);
  EXPECT_EQ(triple.image.at(1, 2, 3), 222.0f);
}

TEST(Steps, ABrainThatFallsBetweenTheNewVoxelsIsAnError) {
  auto options = plain_options({"resample"});
  options.resample.spacing = {4, 4, 4};
  auto triple = numbered({8, 8, 8});
  std::fill(triple.mask.values.begin(), triple.mask.values.end(), std::uint8_t{0});
  triple.mask.at(1, 1, 1) = 1;
  EXPECT_EQ(error_of<DataError>([&] { run_steps(options.steps, options, "v", triple); }),
            "v: no brain is left after resample to 2x2x2 voxels");
}

TEST(Steps, VoxelSizesThatNeedAbsurdMemoryAreRefused) {
  auto options = plain_options({"resample"});
  auto triple = numbered({8, 8, 8});
  triple.spacing = {1000, 1000, 1000};
  EXPECT_THAT(error_of<DataError>([&] { run_steps(options.steps, options, "v.nii", triple); }),
              HasSubstr("v.nii: would have 8000x8000x8000 voxels after resampling to "
                        "data.resample.spacing=[1, 1, 1]; are its voxels of 1000x1000x1000 mm right?"));
}

TEST(Steps, TheBrainBoxIsWhereTheMaskIsAndMovesTheAffine) {
  auto options = plain_options({"brain_box"});
  const auto boxed = [&] {
    auto triple = numbered({8, 8, 8});
    std::fill(triple.mask.values.begin(), triple.mask.values.end(), std::uint8_t{0});
    triple.mask.at(1, 2, 3) = triple.mask.at(4, 3, 6) = 1;
    run_steps(options.steps, options, "v", triple);
    return triple;
  };
  auto triple = boxed();
  EXPECT_EQ(triple.image.size, (std::array<std::int64_t, 3>{4, 2, 4}));
  EXPECT_EQ(triple.image.at(0, 0, 0), 123.0f);
  EXPECT_EQ(triple.image.at(3, 1, 3), 436.0f);
  EXPECT_EQ(triple.affine, (Affine{{{-1, 0, 0, 4}, {0, -1, 0, 4}, {0, 0, 1, 10}}}));
  options.brain_box_inclusive = false;  // Q23
  triple = boxed();
  EXPECT_EQ(triple.image.size, (std::array<std::int64_t, 3>{3, 1, 3}));
  EXPECT_EQ(triple.image.at(2, 0, 2), 325.0f);
}

TEST(Steps, StripLeavesTheBrainAlone) {
  auto triple = numbered({2, 2, 2});
  triple.mask.values = {0, 1, 0, 0, 1, 0, 0, 0};
  run_steps({"strip"}, plain_options({}), "v", triple);
  EXPECT_EQ(triple.image.values, (std::vector<float>{0, 1, 0, 0, 100, 0, 0, 0}));
}

TEST(Steps, ABrainOfOnePlaneIsLostWithTheLastPlane) {
  auto options = plain_options({"brain_box"});
  options.brain_box_inclusive = false;
  auto triple = numbered({8, 8, 1});
  EXPECT_EQ(error_of<DataError>([&] { run_steps(options.steps, options, "v", triple); }),
            "v: no brain is left in its bounding box");
}

TEST(Steps, EverythingIsDoneInTheListsOrder) {
  // Cut to the brain first, and the centre is the brain's; the other way round it is the volume's.
  auto options = plain_options({"brain_box", "centre"});
  options.image_size = {2, 2, 2};
  const auto centred = [&] {
    auto triple = numbered({8, 8, 8});
    for (std::int64_t x = 4; x < 8; ++x)
      for (std::int64_t y = 0; y < 8; ++y)
        for (std::int64_t z = 0; z < 8; ++z) triple.mask.at(x, y, z) = 0;
    run_steps(options.steps, options, "v", triple);
    return triple.image.at(0, 0, 0);
  };
  EXPECT_EQ(centred(), 133.0f);
  options.steps = {"centre"};
  EXPECT_EQ(centred(), 333.0f);
}

TEST(Histogram, LandmarksAreSpreadEvenly) {
  EXPECT_EQ(evenly_between(0, 100, 5), (std::vector<double>{0, 25, 50, 75, 100}));
  EXPECT_EQ(evenly_between(1, 99, 11).back(), 99.0);
}

TEST(Histogram, LandmarksMoveToTheirNewValuesAndTheRestGoesAlong) {
  Grid<float> image({1, 1, 8});
  image.values = {0, 10, 15, 20, 40, 50, 5, 7};
  Grid<std::uint8_t> mask(image.size, 1);
  mask.values.back() = 0;
  move_landmarks(image, mask, {10, 20, 40}, {100, 200, 220});
  // Slopes are 10 and 1; 0, 5 and 50 lie beyond the ends; the last voxel is outside of the brain.
  EXPECT_EQ(image.values, (std::vector<float>{0, 100, 150, 200, 220, 230, 50, 7}));
}

TEST(Histogram, EqualLandmarksAreASteepStepAndNoDivision) {
  Grid<float> image({1, 1, 3});
  image.values = {1, 2, 3};
  move_landmarks(image, Grid<std::uint8_t>(image.size, 1), {2, 2, 2}, {10, 20, 30});
  EXPECT_EQ(image.values, (std::vector<float>{10, 20, 20}));
}

class MatchHistogram : public testing::Test {
 protected:
  MatchHistogram() : options_(plain_options({"match_histogram"})) {
    options_.match_histogram.reference = (scratch_ / "reference.nii").string();
    options_.match_histogram.landmarks = 3;
    options_.percentiles = {0, 100};
  }
  void write_reference(const std::vector<float>& voxels) {
    test::NiftiFile file;
    file.shape = {static_cast<std::int16_t>(voxels.size()), 1, 1};
    file.set_voxels(voxels);
    file.write(scratch_ / "reference.nii");
  }
  test::Scratch scratch_;
  DataOptions options_;
};

TEST_F(MatchHistogram, MinimumMedianAndMaximumBecomeTheReferences) {
  write_reference({0, 0, 0, 10, 30, 90});  // the brain: 10, 30, 90
  Triple triple{
      Grid<float>({1, 1, 6}), Grid<std::uint8_t>({1, 1, 6}, 1), Grid<std::uint8_t>({1, 1, 6}), {1, 1, 1}, {}};
  triple.image.values = {1, 2, 3, 4, 5, 1000};
  triple.mask.values.back() = 0;
  run_steps(options_.steps, options_, "v", triple);
  EXPECT_EQ(triple.image.values, (std::vector<float>{10, 20, 30, 60, 90, 1000}));
}

TEST_F(MatchHistogram, AReferenceWithoutABrainIsRefused) {
  write_reference({0, 0, 0});
  auto triple = numbered({2, 2, 2});
  EXPECT_THAT(error_of<DataError>([&] { run_steps(options_.steps, options_, "v", triple); }),
              HasSubstr("every voxel is 0, so data.match_histogram.reference gives no intensities"));
}

TEST_F(MatchHistogram, AMissingReferenceIsNamed) {
  auto triple = numbered({2, 2, 2});
  EXPECT_THAT(error_of<DataError>([&] { run_steps(options_.steps, options_, "v", triple); }),
              HasSubstr("reference.nii does not exist"));
}

std::string steps_error(const std::vector<std::string>& steps, bool curvature_flow = false,
                        std::int64_t downsample = 1) {
  auto options = plain_options(steps);
  options.curvature_flow = curvature_flow;
  options.downsample = downsample;
  return error_of<ConfigError>([&] { options.validate(); });
}

TEST(Steps, ListsThatCannotBeDoneAreConfigurationErrors) {
  EXPECT_EQ(steps_error({"centre", "rescale"}), "");
  EXPECT_EQ(steps_error({"rescale", "brain_box", "resample", "centre", "downsample", "curvature_flow"}), "");
  EXPECT_EQ(steps_error({"centre", "rescale", "centre"}),
            "data.steps is [centre, rescale, centre]: centre is there twice");
  EXPECT_THAT(steps_error({"centre"}), HasSubstr("rescale is missing; every volume is brought to"));
  EXPECT_THAT(steps_error({}), HasSubstr("data.steps is []: centre is missing"));
  EXPECT_THAT(steps_error({"centre", "resample", "rescale"}), HasSubstr("resample must come before centre"));
  EXPECT_THAT(steps_error({"centre", "brain_box", "rescale"}),
              HasSubstr("brain_box must come before centre"));
  EXPECT_THAT(steps_error({"downsample", "centre", "rescale"}),
              HasSubstr("centre must come before downsample"));
  EXPECT_THAT(steps_error({"centre", "rescale", "match_histogram"}),
              HasSubstr("match_histogram must come before rescale"));
  EXPECT_THAT(steps_error({"centre", "rescale", "n4"}),
              HasSubstr("n4 must come before rescale: n4 takes logarithms, and rescale makes dark voxels 0"));
  EXPECT_THAT(steps_error({"centre", "register", "rescale"}),
              HasSubstr("register must come before centre: centre brings"));
  EXPECT_EQ(steps_error({"n4", "centre", "rescale"}), "");
  EXPECT_THAT(steps_error({"register", "centre", "rescale"}),
              HasSubstr("register needs data.register.template, a NIfTI file"));
  EXPECT_THAT(steps_error({"match_histogram", "centre", "rescale"}),
              HasSubstr("match_histogram needs data.match_histogram.reference"));
}

TEST(Steps, AnOptionOfAStepThatIsNotThereIsAConfigurationError) {
  EXPECT_THAT(steps_error({"centre", "rescale"}, true),
              HasSubstr("no place for curvature_flow; add it, or give data.curvature_flow=false"));
  EXPECT_THAT(steps_error({"centre", "rescale"}, false, 2),
              HasSubstr("no place for downsample, but data.downsample is 2"));
  const auto error = [](auto&& change) {
    auto options = plain_options({"centre", "rescale"});
    change(options);
    return error_of<ConfigError>([&] { options.validate(); });
  };
  EXPECT_EQ(error([](auto& options) {
              options.resample.spacing = {2, 2, 2};
            }),
            "data.steps is [centre, rescale]: data.resample.spacing is set, but no step resample is there to "
            "use it");
  EXPECT_THAT(error([](auto& options) { options.n4.shrink = 2; }), HasSubstr("data.n4.shrink is set"));
  EXPECT_THAT(error([](auto& options) { options.n4.iterations = {9}; }),
              HasSubstr("data.n4.iterations is set, but no step n4"));
  EXPECT_THAT(error([](auto& options) { options.registration.template_file = "t.nii"; }),
              HasSubstr("data.register.template is set, but no step register"));
  EXPECT_THAT(error([](auto& options) { options.match_histogram.reference = "r.nii"; }),
              HasSubstr("data.match_histogram.reference is set, but no step match_histogram"));
}

TEST(Steps, ASpacingOfTwoNumbersIsAConfigurationError) {
  auto options = plain_options({"resample", "centre", "rescale"});
  options.resample.spacing = {1, 1};
  EXPECT_THAT(error_of<ConfigError>([&] { options.validate(); }),
              HasSubstr("data.resample.spacing is [1, 1]: give three positive sizes"));
}

TEST(Steps, N4NeedsALevelAndNotTooMany) {
  auto options = plain_options({"n4", "centre", "rescale"});
  const auto error = [&] { return error_of<ConfigError>([&] { options.validate(); }); };
  EXPECT_EQ(error(), "");
  options.n4.iterations = {};
  EXPECT_EQ(
      error(),
      "data.n4.iterations is []: give the most iterations of each of 1 to 8 levels, as [200, 200, 200, 200]");
  options.n4.iterations.assign(9, 50);
  EXPECT_THAT(error(), HasSubstr("data.n4.iterations is [50, 50, 50, 50, 50, 50, 50, 50, 50]: give"));
}

TEST(Steps, OnlyOptionsOfStepsThatAreDoneShapeTheSlices) {
  auto options = plain_options({"centre", "rescale"});
  const auto plain = options.preparation();
  options.resample.labels = "linear";
  options.brain_box_inclusive = false;
  EXPECT_EQ(options.preparation(), plain);
  options.steps = {"resample", "match_histogram", "centre", "rescale"};
  options.match_histogram.reference = "/somewhere/reference.nii";
  EXPECT_EQ(options.preparation().at("resample.labels"), "linear");
  EXPECT_EQ(options.preparation().at("match_histogram.reference"), "reference.nii");
  EXPECT_FALSE(options.preparation().contains("brain_box_inclusive"));
  EXPECT_FALSE(options.preparation().contains("n4.shrink"));
  EXPECT_FALSE(options.preparation().contains("register.template"));
  options.steps = {"register", "n4", "centre", "rescale"};
  options.registration.template_file = "/somewhere/template.nii";
  EXPECT_EQ(options.preparation().at("register.template"), "template.nii");
  EXPECT_EQ(options.preparation().at("n4.shrink"), "4");
  EXPECT_EQ(options.preparation().at("resample.labels"), "linear");  // register heeds it, too
  EXPECT_FALSE(options.preparation().contains("resample.spacing"));
  options.kind = "phantom";
  EXPECT_FALSE(options.preparation().contains("steps"));
}

}  // namespace
}  // namespace gyrus
