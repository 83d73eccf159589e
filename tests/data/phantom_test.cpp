#include "data/source/phantom.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gyrus {
namespace {

constexpr std::array<std::int64_t, 3> size = {48, 48, 16};

std::int64_t count(const Grid<std::uint8_t>& labels) {
  return std::accumulate(labels.values.begin(), labels.values.end(), std::int64_t{0});
}

TEST(Phantom, IsAFunctionOfSeedSetAndSubject) {
  const auto brain = make_phantom(size, 1, PhantomSet::train, 5);
  EXPECT_EQ(brain.image.values, make_phantom(size, 1, PhantomSet::train, 5).image.values);
  EXPECT_NE(brain.image.values, make_phantom(size, 1, PhantomSet::train, 6).image.values);
  EXPECT_NE(brain.image.values, make_phantom(size, 1, PhantomSet::val, 5).image.values);
  EXPECT_NE(brain.image.values, make_phantom(size, 2, PhantomSet::train, 5).image.values);
}

TEST(Phantom, TrainingBrainsAreHealthyAndTheOthersHaveLesionsInsideTheBrain) {
  for (std::uint64_t subject = 0; subject < 4; ++subject) {
    EXPECT_EQ(count(make_phantom(size, 1, PhantomSet::train, subject).lesion), 0);
    for (const auto set : {PhantomSet::val, PhantomSet::test}) {
      const auto brain = make_phantom(size, 1, set, subject);
      EXPECT_GT(count(brain.lesion), 20);
      EXPECT_LT(count(brain.lesion), count(brain.mask) / 2);
      for (std::size_t i = 0; i < brain.mask.values.size(); ++i)
        EXPECT_LE(brain.lesion.values[i], brain.mask.values[i]);
    }
  }
}

TEST(Phantom, TheBrainFillsAPlausibleShareOfTheBoxAndItsOutsideIsZero) {
  const auto brain = make_phantom(size, 1, PhantomSet::train, 0);
  const double share = static_cast<double>(count(brain.mask)) / static_cast<double>(brain.mask.values.size());
  EXPECT_GT(share, 0.35);
  EXPECT_LT(share, 0.65);
  for (std::size_t i = 0; i < brain.mask.values.size(); ++i) {
    if (brain.mask.values[i] == 0) {
      EXPECT_EQ(brain.image.values[i], 0.0f);
    }
  }
}

TEST(Phantom, ShowsFluidGreyAndWhiteMatter) {
  const auto brain = make_phantom(size, 1, PhantomSet::train, 3);
  int fluid = 0, grey = 0, white = 0;
  for (std::size_t i = 0; i < brain.mask.values.size(); ++i) {
    if (brain.mask.values[i] == 0) continue;
    const float value = brain.image.values[i];
    fluid += std::abs(value - 0.18f) < 0.1f;
    grey += std::abs(value - 0.50f) < 0.1f;
    white += std::abs(value - 0.78f) < 0.1f;
  }
  EXPECT_GT(fluid, 300);
  EXPECT_GT(grey, 1500);
  EXPECT_GT(white, 3000);
}

TEST(Phantom, AFinerGridShowsTheSameBrain) {
  const auto coarse = make_phantom({24, 24, 8}, 1, PhantomSet::train, 2);
  const auto fine = make_phantom({72, 72, 24}, 1, PhantomSet::train, 2);
  int disagreements =
      0;  // voxel (x, y, z) of the coarse grid is centred on (3x+1, 3y+1, 3z+1) of the fine one
  for (std::int64_t x = 0; x < 24; ++x) {
    for (std::int64_t y = 0; y < 24; ++y) {
      for (std::int64_t z = 0; z < 8; ++z)
        disagreements += coarse.mask.at(x, y, z) != fine.mask.at(3 * x + 1, 3 * y + 1, 3 * z + 1);
    }
  }
  EXPECT_EQ(disagreements, 0);
}

}  // namespace
}  // namespace gyrus
