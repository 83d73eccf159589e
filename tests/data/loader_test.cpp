#include "data/loader.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "data/augment.hpp"
#include "data/shard/h5.hpp"
#include "launch/files.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

using test::error_of;
using testing::HasSubstr;

const AugmentOptions every_augmentation{.gamma = 0.7, .bias_field = 0.7, .blur = 0.7, .ghosting = 0.7};

class LoaderTest : public test::Prepared {
 protected:
  std::unique_ptr<Loader> loader(std::int64_t threads, std::int64_t prefetch,
                                 const AugmentOptions& augment = {}) {
    return std::make_unique<Loader>(dataset_, "train", SampleOrder(*dataset_, "train", "slice", 0.0, 3),
                                    augment, 3, threads, prefetch);
  }
  static std::pair<std::uint64_t, std::uint64_t> four_per_step(std::uint64_t step) {
    return {4 * step, 4 * step + 4};
  }

  std::shared_ptr<const Dataset> dataset_ = std::make_shared<const Dataset>(Dataset::open(root()));
};

TEST_F(LoaderTest, DeliversTheOrdersSlicesStepByStep) {
  const auto under_test = loader(2, 3);
  const SampleOrder order(*dataset_, "train", "slice", 0.0, 3);
  under_test->start(5, 10, four_per_step);
  for (std::uint64_t step = 5; step < 15; ++step) {
    const auto batch = under_test->next();
    ASSERT_EQ(batch.samples.size(), 4u);
    EXPECT_EQ(batch.height, 20);
    EXPECT_EQ(batch.width, 18);
    for (std::size_t i = 0; i < 4; ++i) {
      const auto expected = order.at(4 * step + i);
      EXPECT_EQ(batch.samples[i].id, expected.id);
      const auto volume = dataset_->read_volume("train", expected.volume);
      EXPECT_TRUE(std::equal(batch.images.begin() + 360 * i, batch.images.begin() + 360 * (i + 1),
                             volume.image.begin() + 360 * expected.slice));
      EXPECT_TRUE(std::equal(batch.masks.begin() + 360 * i, batch.masks.begin() + 360 * (i + 1),
                             volume.mask.begin() + 360 * expected.slice));
    }
  }
}

TEST_F(LoaderTest, ABatchIsCompletedInAWorkerBeforeItIsDelivered) {
  const auto under_test = loader(2, 3);
  std::atomic<bool> is_in_this_thread = false;
  under_test->start(2, 5, four_per_step, [&, here = std::this_thread::get_id()](Batch& batch) {
    if (std::this_thread::get_id() == here) is_in_this_thread = true;
    if (batch.samples.front().global_index == 4 * 6) throw DataError("no noise for step 6");
    batch.noise = {static_cast<float>(batch.samples.front().global_index)};
  });
  for (std::uint64_t step = 2; step < 6; ++step)
    EXPECT_EQ(under_test->next().noise, std::vector<float>{static_cast<float>(4 * step)});
  EXPECT_THAT(error_of<DataError>([&] { under_test->next(); }), HasSubstr("no noise for step 6"));
  EXPECT_FALSE(is_in_this_thread);
}

TEST_F(LoaderTest, ThreadsAndPrefetchDoNotChangeAnAugmentedBatch) {
  std::vector<float> expected;
  for (const auto& [threads, prefetch] : {std::pair{1, 1}, {1, 4}, {4, 2}, {8, 16}}) {
    const auto under_test = loader(threads, prefetch, every_augmentation);
    under_test->start(0, 30, four_per_step);
    std::vector<float> all;
    for (int step = 0; step < 30; ++step) {
      const auto batch = under_test->next();
      all.insert(all.end(), batch.images.begin(), batch.images.end());
    }
    if (expected.empty()) expected = all;
    EXPECT_EQ(all, expected);
  }
}

TEST_F(LoaderTest, AugmentationChangesImagesAndDiffersBetweenEpochs) {
  const auto plain = loader(1, 2), augmented = loader(1, 2, every_augmentation);
  plain->start(0, 1, [](auto) { return std::pair<std::uint64_t, std::uint64_t>{0, 70}; });
  augmented->start(0, 1, [](auto) { return std::pair<std::uint64_t, std::uint64_t>{0, 70}; });
  const auto before = plain->next(), after = augmented->next();
  EXPECT_EQ(before.masks, after.masks);
  int changed = 0;
  for (std::size_t i = 0; i < 70; ++i) {
    changed += !std::equal(before.images.begin() + 360 * i, before.images.begin() + 360 * (i + 1),
                           after.images.begin() + 360 * i);
  }
  EXPECT_GT(changed, 60);
}

TEST_F(LoaderTest, EmptyRangesGiveEmptyBatches) {
  const auto under_test = loader(1, 2);
  under_test->start(0, 3, [](std::uint64_t step) {
    return std::pair<std::uint64_t, std::uint64_t>{step, step == 1 ? step : step + 1};
  });
  EXPECT_EQ(under_test->next().samples.size(), 1u);
  EXPECT_EQ(under_test->next().samples.size(), 0u);
  EXPECT_EQ(under_test->next().samples.size(), 1u);
}

TEST_F(LoaderTest, ReadsNoFurtherAheadThanItMay) {
  const auto under_test = loader(4, 3);
  std::atomic<std::uint64_t> furthest{0};
  under_test->start(0, 100, [&](std::uint64_t step) {
    auto seen = furthest.load();
    while (seen < step && !furthest.compare_exchange_weak(seen, step)) {
    }
    return four_per_step(step);
  });
  for (std::uint64_t delivered = 0; delivered < 5; ++delivered) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_EQ(furthest.load(), delivered + 2);
    under_test->next();
  }
}

TEST_F(LoaderTest, ADamagedSliceSurfacesInTheStepThatNeedsIt) {
  const SampleOrder order(*dataset_, "train", "slice", 0.0, 3);
  const auto victim = order.at(9);  // in step 2
  const auto shard = root() / ("train-0000" + std::to_string(victim.volume / 3) + ".h5");
  const auto index = h5::File::open(shard).read<std::uint64_t>("index/image");
  std::string bytes = read_file(shard);
  bytes[index[3 * ((victim.volume % 3) * 5 + victim.slice)] + 10] ^= 1;
  test::write_text(shard, bytes);
  const auto damaged = std::make_shared<const Dataset>(Dataset::open(root()));
  Loader under_test(damaged, "train", order, {}, 3, 2, 4);
  under_test.start(0, 5, four_per_step);
  EXPECT_NO_THROW(under_test.next());
  const auto text = error_of<DataError>([&] {
    for (int step = 1; step < 5; ++step) under_test.next();
  });
  EXPECT_THAT(text, HasSubstr("slice " + std::to_string(victim.slice) + " is damaged: its digest is wrong"));
  EXPECT_THAT(text, HasSubstr(dataset_->volumes("train")[victim.volume].subject));
}

TEST_F(LoaderTest, ANewStartDropsWhatWasReadBefore) {
  const auto under_test = loader(2, 4);
  under_test->start(0, 50, four_per_step);
  under_test->next();
  under_test->start(30, 2, four_per_step);
  EXPECT_EQ(under_test->next().samples.front().global_index, 120u);
  EXPECT_EQ(under_test->next().samples.front().global_index, 124u);
  EXPECT_THROW(under_test->next(), Error);  // nothing more was started
}

TEST_F(LoaderTest, EndsWhileWorkersAreBusy) {
  for (int i = 0; i < 20; ++i) {
    const auto under_test = loader(3, 8, every_augmentation);
    under_test->start(0, 1000, four_per_step);
    if (i % 2 == 0) under_test->next();
  }
  EXPECT_EQ(dataset_.use_count(), 1);  // no worker holds on to it
}

TEST_F(LoaderTest, TheWaitForDataIsMeasured) {
  const auto under_test = loader(1, 1);
  EXPECT_EQ(under_test->seconds_waited(), 0.0);
  under_test->start(0, 1, [](std::uint64_t step) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return four_per_step(step);
  });
  under_test->next();
  EXPECT_GT(under_test->seconds_waited(), 0.03);
}

}  // namespace
}  // namespace gyrus
