#include "data/augment/augment.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <set>
#include <vector>

#include "data/augment/kernels.hpp"

namespace gyrus {
namespace {

constexpr std::array<double, 3> spacing = {2, 2, 2};
const AugmentOptions published{.gamma = 0.5, .bias_field = 0.25, .blur = 0.25, .ghosting = 0.5};

/// A volume of odd sizes with values that no symmetry hides.
struct OddVolume {
  SliceShape shape{.depth = 7, .height = 9, .width = 5};
  std::vector<double> values;  // [z][x][y]

  OddVolume() {
    for (int i = 0; i < 7 * 9 * 5; ++i) values.push_back(0.5 + 0.5 * std::sin(1.7 * i) * std::cos(0.31 * i));
  }
  double at(std::int64_t z, std::int64_t x, std::int64_t y) const { return values[(z * 9 + x) * 5 + y]; }
  std::vector<float> augmented(const Augmentation& augmentation, std::int64_t slice) const {
    std::vector<float> result(45);
    augment_slice(
        augmentation, shape, slice,
        [&](std::int64_t z, float* out) { std::copy_n(values.begin() + 45 * z, 45, out); }, result.data());
    return result;
  }
};

TEST(Augment, WithoutOperationsASliceStaysAsItIs) {
  const OddVolume volume;
  const auto slice = volume.augmented({}, 3);
  for (int i = 0; i < 45; ++i) EXPECT_EQ(slice[i], static_cast<float>(volume.values[3 * 45 + i]));
}

/// Ghosting by the definition, with a discrete Fourier transform of the line through one voxel.
double ghosted(const std::vector<double>& line, std::int64_t position, const Ghosting& ghosting) {
  const auto n = static_cast<std::int64_t>(line.size());
  double result = 0.0;
  for (std::int64_t plane = 0; plane < n; ++plane) {
    const auto frequency = static_cast<double>(plane - n / 2);
    double real = 0.0, imaginary = 0.0;
    for (std::int64_t i = 0; i < n; ++i) {
      const double angle =
          -2.0 * std::numbers::pi * frequency * static_cast<double>(i) / static_cast<double>(n);
      real += line[i] * std::cos(angle);
      imaginary += line[i] * std::sin(angle);
    }
    const double weight = plane % ghosting.num_ghosts == 0 && plane != n / 2 ? 1.0 - ghosting.strength : 1.0;
    const double angle =
        2.0 * std::numbers::pi * frequency * static_cast<double>(position) / static_cast<double>(n);
    result += weight * (real * std::cos(angle) - imaginary * std::sin(angle)) / static_cast<double>(n);
  }
  return result;
}

TEST(Augment, GhostingFollowsItsDefinitionAlongEveryAxisOfOddSizes) {
  const OddVolume volume;
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    Augmentation augmentation;
    augmentation.ghosting = Ghosting{.num_ghosts = 4, .axis = axis, .strength = 0.7};
    for (std::int64_t z = 0; z < 7; ++z) {
      const auto slice = volume.augmented(augmentation, z);
      for (std::int64_t x = 0; x < 9; ++x) {
        for (std::int64_t y = 0; y < 5; ++y) {
          std::vector<double> line;
          const std::int64_t length = axis == 0 ? 9 : axis == 1 ? 5 : 7;
          for (std::int64_t i = 0; i < length; ++i) {
            line.push_back(axis == 0   ? volume.at(z, i, y)
                           : axis == 1 ? volume.at(z, x, i)
                                       : volume.at(i, x, y));
          }
          const std::int64_t position = axis == 0 ? x : axis == 1 ? y : z;
          EXPECT_NEAR(slice[x * 5 + y], ghosted(line, position, *augmentation.ghosting), 1e-6);
        }
      }
    }
  }
}

TEST(Augment, BlurAlongZReadsAtMostFourNeighboursOnEachSide) {
  Augmentation augmentation;
  augmentation.blur_std = {0.3, 0.3, 1.0};
  std::set<std::int64_t> read;
  std::vector<float> out(45);
  augment_slice(
      augmentation, {.depth = 40, .height = 9, .width = 5}, 20,
      [&](std::int64_t z, float* values) {
        read.insert(z);
        std::fill_n(values, 45, 1.0f);
      },
      out.data());
  EXPECT_EQ(read.size(), 9u);
  EXPECT_EQ(*read.begin(), 16);
  for (const float value : out) EXPECT_NEAR(value, 1.0f, 1e-6);  // weights add up to one
}

TEST(Augment, DrawsDependOnSeedEpochAndVolumeAlone) {
  const AugmentOptions all{.gamma = 1, .bias_field = 1, .blur = 1, .ghosting = 1};
  const auto drawn = draw_augmentation(all, 1, 2, 3, spacing);
  EXPECT_EQ(*drawn.gamma, *draw_augmentation(all, 1, 2, 3, spacing).gamma);
  EXPECT_NE(*drawn.gamma, *draw_augmentation(all, 1, 2, 4, spacing).gamma);
  EXPECT_NE(*drawn.gamma, *draw_augmentation(all, 1, 3, 3, spacing).gamma);
  EXPECT_NE(*drawn.gamma, *draw_augmentation(all, 2, 2, 3, spacing).gamma);
}

TEST(Augment, TheProbabilityOfOneOperationDoesNotChangeAnother) {
  const AugmentOptions with{.gamma = 1, .bias_field = 1, .blur = 1, .ghosting = 1};
  const AugmentOptions without{.gamma = 0, .bias_field = 0, .blur = 1, .ghosting = 1};
  const auto a = draw_augmentation(with, 1, 2, 3, spacing), b = draw_augmentation(without, 1, 2, 3, spacing);
  EXPECT_FALSE(b.gamma);
  EXPECT_FALSE(b.bias_coefficients);
  EXPECT_EQ(*a.blur_std, *b.blur_std);
  EXPECT_EQ(a.ghosting->num_ghosts, b.ghosting->num_ghosts);
  EXPECT_EQ(a.ghosting->strength, b.ghosting->strength);
}

TEST(Augment, ParametersLieInThePublishedRangesWithThePublishedProbabilities) {
  int gamma = 0, bias = 0, blur = 0, ghosting = 0;
  constexpr int count = 4000;
  for (int i = 0; i < count; ++i) {
    const auto drawn = draw_augmentation(published, 1, 0, static_cast<std::uint64_t>(i), spacing);
    if (drawn.gamma) {
      ++gamma;
      EXPECT_LE(std::abs(std::log(*drawn.gamma)), 0.3);
    }
    if (drawn.bias_coefficients) {
      ++bias;
      for (const double coefficient : *drawn.bias_coefficients) EXPECT_LE(std::abs(coefficient), 0.5);
    }
    if (drawn.blur_std) {
      ++blur;
      for (const double std : *drawn.blur_std) EXPECT_LE(std, 1.0);  // 2 mm in voxels of 2 mm
    }
    if (drawn.ghosting) {
      ++ghosting;
      EXPECT_GE(drawn.ghosting->num_ghosts, 4);
      EXPECT_LE(drawn.ghosting->num_ghosts, 10);
      EXPECT_GE(drawn.ghosting->strength, 0.5);
    }
  }
  EXPECT_NEAR(gamma, 0.5 * count, 130);
  EXPECT_NEAR(bias, 0.25 * count, 110);
  EXPECT_NEAR(blur, 0.25 * count, 110);
  EXPECT_NEAR(ghosting, 0.5 * count, 130);
}

namespace kernels = augment_kernels;

/// Numbers over many orders of magnitude, of both signs, and 0.
std::vector<float> wide_numbers() {
  std::vector<float> numbers = {0.0f, -0.0f, 1.0f, -1.0f};
  for (int i = 0; i < 1150; ++i) numbers.push_back((i % 2 == 0 ? 1.0f : -1.0f) * std::exp(0.03f * (i - 900)));
  return numbers;
}

TEST(AugmentKernels, PowersAndExponentialsAreThoseOfTheLibrary) {
  for (const float exponent : {0.74f, 0.9f, 1.0f, 1.35f}) {
    auto values = wide_numbers();
    kernels::signed_power(values, exponent);
    const auto numbers = wide_numbers();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double expected = std::copysign(
          std::pow(std::abs(static_cast<double>(numbers[i])), static_cast<double>(exponent)), numbers[i]);
      EXPECT_NEAR(values[i], expected, 4e-6 * std::abs(expected)) << numbers[i];
      EXPECT_EQ(std::signbit(values[i]), std::signbit(numbers[i]));
    }
  }
  std::vector<float> values(101, 2.0f);
  const double cubic[] = {0.3, -1.0, 2.0, 4.0};
  kernels::multiply_by_exp_cubic(values, cubic, -1.0, 0.02);
  for (int i = 0; i < 101; ++i) {
    const double y = -1.0 + 0.02 * i;
    const double expected = 2.0 * std::exp(0.3 - y + 2.0 * y * y + 4.0 * y * y * y);
    EXPECT_NEAR(values[i], expected, 2e-6 * expected) << y;
  }
}

TEST(AugmentKernels, EveryKindOfInstructionsGivesTheSameBits) {
  if (!kernels::uses_avx2()) GTEST_SKIP() << "no AVX2 here";
  const auto everything = [] {
    const OddVolume volume;
    std::vector<float> all;
    Augmentation augmentation{
        .gamma = 0.8, .bias_coefficients = {}, .blur_std = {{0.9, 0.4, 0.7}}, .ghosting = {}};
    augmentation.bias_coefficients.emplace();
    for (int i = 0; i < 20; ++i) (*augmentation.bias_coefficients)[i] = 0.3 * std::sin(i);
    for (const std::int64_t axis : {0, 1, 2}) {
      augmentation.ghosting = Ghosting{.num_ghosts = 4, .axis = axis, .strength = 0.7};
      for (int slice = 0; slice < 7; ++slice)
        for (const float value : volume.augmented(augmentation, slice)) all.push_back(value);
    }
    return all;
  };
  const auto with = everything();
  kernels::allow_avx2(false);
  const auto without = everything();
  kernels::allow_avx2(true);
  EXPECT_EQ(with, without);
}

constexpr SliceShape plane{.depth = 1, .height = 33, .width = 25};

TEST(AugmentSpatial, FlipExchangesLeftAndRightOfImageAndMask) {
  std::vector<float> image(9 * 5);
  std::vector<std::uint8_t> mask(9 * 5);
  for (int i = 0; i < 45; ++i) {
    image[i] = static_cast<float>(i);
    mask[i] = i < 7;
  }
  transform_slice({.flip = true}, {.depth = 1, .height = 9, .width = 5}, image.data(), mask.data());
  for (int row = 0; row < 9; ++row)
    for (int column = 0; column < 5; ++column) {
      EXPECT_EQ(image[row * 5 + column], static_cast<float>((8 - row) * 5 + column));
      EXPECT_EQ(mask[row * 5 + column], (8 - row) * 5 + column < 7);
    }
}

TEST(AugmentSpatial, InvertedContrastStaysInsideTheBrain) {
  std::vector<float> image = {0.0f, 0.25f, 0.0f, 1.0f};
  std::vector<std::uint8_t> mask = {0, 1, 1, 1};
  transform_slice({.invert = true}, {.depth = 1, .height = 2, .width = 2}, image.data(), mask.data());
  EXPECT_EQ(image, (std::vector<float>{0.0f, 0.75f, 1.0f, 0.0f}));
}

/// A ramp along the rows shows where each pixel came from.
TEST(AugmentSpatial, ElasticDeformationFollowsTheSpline) {
  Elastic elastic;
  elastic.voxels[4] = {3.0, -2.0};  // the central control point
  std::vector<float> rows(33 * 25), columns(33 * 25);
  for (int r = 0; r < 33; ++r)
    for (int c = 0; c < 25; ++c) {
      rows[r * 25 + c] = static_cast<float>(r);
      columns[r * 25 + c] = static_cast<float>(c);
    }
  elastic.deform(plane, rows.data());
  elastic.deform(plane, columns.data());
  // At its control point a cubic B-spline has the weight 4/6 per axis.
  EXPECT_NEAR(rows[16 * 25 + 12] - 16.0, 3.0 * 16.0 / 36.0, 1e-5);
  EXPECT_NEAR(columns[16 * 25 + 12] - 12.0, -2.0 * 16.0 / 36.0, 1e-5);
  // One control point on (8 rows): 1/6. Two on: nothing.
  EXPECT_NEAR(rows[24 * 25 + 12] - 24.0, 3.0 * 4.0 / 36.0, 1e-5);
  EXPECT_NEAR(rows[32 * 25 + 12], 32.0, 1e-5);
  EXPECT_NEAR(rows[0 * 25 + 0], 0.0, 1e-5);
}

TEST(AugmentSpatial, MaskAndImageMoveTogether) {
  Elastic elastic;
  for (int i = 0; i < 9; ++i) elastic.voxels[i] = {2.0 * std::sin(i), 2.0 * std::cos(3.0 * i)};
  std::vector<float> image(33 * 25, 0.0f);
  std::vector<std::uint8_t> mask(33 * 25, 0);
  for (int r = 8; r < 25; ++r)
    for (int c = 6; c < 19; ++c) {
      image[r * 25 + c] = 1.0f;
      mask[r * 25 + c] = 1;
    }
  const auto before = mask;
  transform_slice({.elastic = elastic}, plane, image.data(), mask.data());
  EXPECT_NE(mask, before);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    EXPECT_TRUE(image[i] <= 0.8f || mask[i] == 1);
    EXPECT_TRUE(image[i] >= 0.2f || mask[i] == 0);
  }
}

TEST(AugmentSpatial, DrawingThemLeavesThePublishedOnesAsTheyWere) {
  AugmentOptions more = published;
  more.flip = more.elastic = more.invert = 0.5;
  int flips = 0, elastics = 0, inversions = 0;
  for (std::uint64_t volume = 0; volume < 200; ++volume) {
    const auto a = draw_augmentation(published, 1, 0, volume, spacing),
               b = draw_augmentation(more, 1, 0, volume, spacing);
    EXPECT_EQ(a.gamma, b.gamma);
    EXPECT_EQ(a.bias_coefficients, b.bias_coefficients);
    EXPECT_EQ(a.ghosting.has_value(), b.ghosting.has_value());
    EXPECT_FALSE(a.flip || a.elastic || a.invert);
    flips += b.flip;
    elastics += b.elastic.has_value();
    inversions += b.invert;
  }
  for (const int count : {flips, elastics, inversions}) {
    EXPECT_GT(count, 70);
    EXPECT_LT(count, 130);
  }
}

}  // namespace
}  // namespace gyrus
