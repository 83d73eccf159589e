#include "data/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace gyrus {
namespace {

TEST(Random, PhiloxGivesThePublishedKnownAnswers) {
  using Words = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, {ones, ones}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Random, EqualKeysGiveEqualNumbersAndEachKeyMatters) {
  EXPECT_EQ(Random(1, Stream::slice, 2, 3).next64(), Random(1, Stream::slice, 2, 3).next64());
  std::set<std::uint64_t> values;
  values.insert(Random(1, Stream::slice, 2, 3).next64());
  values.insert(Random(2, Stream::slice, 2, 3).next64());
  values.insert(Random(1, Stream::noise, 2, 3).next64());
  values.insert(Random(1, Stream::slice, 3, 3).next64());
  values.insert(Random(1, Stream::slice, 2, 4).next64());
  values.insert(Random(1, Stream::slice, 2, 3 + (std::uint64_t{1} << 32)).next64());
  EXPECT_EQ(values.size(), 6u);
}

TEST(Random, NormalNumbersHaveMeanZeroAndVarianceOne) {
  Random random(5, Stream::noise, 0, 0);
  double sum = 0.0, squares = 0.0;
  constexpr int count = 100000;
  for (int i = 0; i < count; ++i) {
    const double value = random.normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / count, 0.0, 0.015);
  EXPECT_NEAR(squares / count, 1.0, 0.02);
}

TEST(Random, BoundedIntegersReachEveryValueEquallyOften) {
  Random random(5, Stream::slice, 0, 0);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts[random.below(7)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
}

TEST(Random, APermutationOfAnySizeReachesEveryIndexOnce) {
  for (const std::uint64_t size : {1u, 2u, 3u, 7u, 64u, 65u, 1000u, 4097u}) {
    std::set<std::uint64_t> images;
    for (std::uint64_t i = 0; i < size; ++i) {
      const auto image = permuted(i, size, 9, Stream::order, 4);
      EXPECT_LT(image, size);
      images.insert(image);
    }
    EXPECT_EQ(images.size(), size);
  }
}

TEST(Random, PermutationsOfTwoEpochsDiffer) {
  int equal = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    equal += permuted(i, 1000, 9, Stream::order, 0) == permuted(i, 1000, 9, Stream::order, 1);
  }
  EXPECT_LT(equal, 20);
}

}  // namespace
}  // namespace gyrus
