#include "data/order.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <set>

#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

using test::error_of;
using testing::HasSubstr;

class Order : public test::Prepared {
 protected:
  SampleOrder order(const std::string& policy, double min_brain_fraction = 0.0, std::uint64_t seed = 3) {
    return SampleOrder(dataset_, "train", {.slice_policy = policy, .min_brain_fraction = min_brain_fraction},
                       seed);
  }
  Dataset dataset_ = Dataset::open(root());
};

TEST_F(Order, AnEpochOfThePolicySliceShowsEveryVolumeOnce) {
  const auto samples = order("slice");
  ASSERT_EQ(samples.samples_per_epoch(), 7u);
  std::set<std::int64_t> slices_of_volume_0;
  for (std::uint64_t epoch = 0; epoch < 40; ++epoch) {
    std::set<std::int64_t> volumes;
    for (std::uint64_t i = 0; i < 7; ++i) {
      const auto sample = samples.at(7 * epoch + i);
      EXPECT_EQ(sample.epoch, epoch);
      EXPECT_EQ(sample.global_index, 7 * epoch + i);
      EXPECT_EQ(sample.id, static_cast<std::uint64_t>(5 * sample.volume + sample.slice));
      volumes.insert(sample.volume);
      if (sample.volume == 0) slices_of_volume_0.insert(sample.slice);
    }
    EXPECT_EQ(volumes.size(), 7u);
  }
  EXPECT_EQ(slices_of_volume_0.size(), 5u);  // over the epochs every slice comes
}

TEST_F(Order, AnEpochOfThePolicyAllSlicesShowsEverySliceOnce) {
  const auto samples = order("all_slices");
  ASSERT_EQ(samples.samples_per_epoch(), 35u);
  std::vector<std::uint64_t> first, second;
  for (std::uint64_t i = 0; i < 35; ++i) {
    first.push_back(samples.at(i).id);
    second.push_back(samples.at(35 + i).id);
  }
  EXPECT_NE(first, second);
  EXPECT_EQ(std::set<std::uint64_t>(first.begin(), first.end()).size(), 35u);
  EXPECT_EQ(std::set<std::uint64_t>(second.begin(), second.end()).size(), 35u);
}

TEST_F(Order, RangesOfAnyNumberOfRanksTileTheSameSequence) {
  const auto samples = order("slice");
  constexpr std::uint64_t batch = 6, num_steps = 20;
  for (const std::uint64_t world_size : {1u, 2u, 4u, 5u}) {
    const auto samples_of_rank = order("slice");  // every rank has its own
    for (std::uint64_t step = 0; step < num_steps; ++step) {
      std::uint64_t expected = step * batch;
      for (std::uint64_t rank = 0; rank < world_size; ++rank) {
        for (auto i = step * batch + rank * batch / world_size;
             i < step * batch + (rank + 1) * batch / world_size; ++i) {
          EXPECT_EQ(samples_of_rank.at(i).id, samples.at(expected++).id);
        }
      }
      EXPECT_EQ(expected, (step + 1) * batch);
    }
  }
}

TEST_F(Order, DependsOnTheSeed) {
  int equal = 0;
  for (std::uint64_t i = 0; i < 70; ++i)
    equal += order("slice", 0.0, 3).at(i).id == order("slice", 0.0, 4).at(i).id;
  EXPECT_LT(equal, 20);
}

TEST_F(Order, SlicesWithLittleBrainAreLeftOut) {
  const auto brain_pixels = dataset_.brain_pixels("train");
  double largest = 0.0;
  std::multiset<double> shares;
  for (const auto pixels : brain_pixels) shares.insert(static_cast<double>(pixels) / 360.0);
  largest = *shares.rbegin();
  const double median = *std::next(shares.begin(), 17);
  const auto samples = order("all_slices", median);
  EXPECT_EQ(samples.samples_per_epoch(),
            static_cast<std::uint64_t>(std::distance(shares.lower_bound(median), shares.end())));
  for (std::uint64_t i = 0; i < samples.samples_per_epoch(); ++i) {
    const auto sample = samples.at(i);
    EXPECT_GE(static_cast<double>(brain_pixels[sample.id]) / 360.0, median);
  }
  EXPECT_THAT(error_of<DataError>([&] { order("slice", largest + 0.01); }),
              HasSubstr("no slice of set train has a brain share"));
}

TEST_F(Order, StrataOfHeightAreAllUsedOnceInEveryEpoch) {
  const auto samples = order("stratified");
  ASSERT_EQ(samples.samples_per_epoch(), 7u);
  std::set<std::int64_t> slices_of_volume_0;
  for (std::uint64_t epoch = 0; epoch < 60; ++epoch) {
    std::set<std::int64_t> volumes;
    std::vector<int> slices(5, 0);
    for (std::uint64_t i = 0; i < 7; ++i) {
      const auto sample = samples.at(7 * epoch + i);
      volumes.insert(sample.volume);
      ++slices[sample.slice];
      if (sample.volume == 0) slices_of_volume_0.insert(sample.slice);
    }
    EXPECT_EQ(volumes.size(), 7u);
    // Of 7 strata, 7k/5 lie below slice k; one may lie across its border.
    double below = 0.0;
    for (int k = 1; k <= 5; ++k) {
      below += slices[k - 1];
      EXPECT_LT(std::abs(below - 7.0 * k / 5.0), 1.0) << k;
    }
  }
  EXPECT_EQ(slices_of_volume_0.size(), 5u);
}

TEST_F(Order, BlocksShowEverySliceOnceAndNeighboursTogether) {
  for (const std::int64_t block_slices : {1, 4, 5, 50}) {
    for (const std::int64_t window_blocks : {1, 2, 30}) {
      const SampleOrder samples(
          dataset_, "train",
          {.slice_policy = "block", .block_slices = block_slices, .window_blocks = window_blocks}, 3);
      ASSERT_EQ(samples.samples_per_epoch(), 35u);
      for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
        std::set<std::uint64_t> seen;
        for (std::uint64_t i = 0; i < 35; ++i) seen.insert(samples.at(35 * epoch + i).id);
        EXPECT_EQ(seen.size(), 35u) << block_slices << " " << window_blocks;
      }
    }
  }
  // Five slices a block, two blocks a window: ten consecutive samples lie in two volumes, in mixed order.
  const SampleOrder samples(dataset_, "train",
                            {.slice_policy = "block", .block_slices = 5, .window_blocks = 2}, 3);
  bool is_mixed = false;
  for (std::uint64_t window = 0; window < 3; ++window) {
    std::vector<std::int64_t> volumes;
    for (std::uint64_t i = 0; i < 10; ++i) volumes.push_back(samples.at(10 * window + i).volume);
    EXPECT_EQ(std::set<std::int64_t>(volumes.begin(), volumes.end()).size(), 2u);
    is_mixed = is_mixed || volumes[0] != volumes[1];
  }
  EXPECT_TRUE(is_mixed);
}

TEST_F(Order, ThePoliciesLeaveOutTheSameSlices) {
  for (const char* policy : {"slice", "stratified", "all_slices", "block"}) {
    const auto samples = order(policy, 0.3);
    const auto brain_pixels = dataset_.brain_pixels("train");
    for (std::uint64_t i = 0; i < 3 * samples.samples_per_epoch(); ++i)
      EXPECT_GE(brain_pixels[samples.at(i).id], 108u) << policy;
  }
}

}  // namespace
}  // namespace gyrus
