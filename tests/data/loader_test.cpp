#include "data/loader.hpp"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>

#include "data/augment/augment.hpp"
#include "data/shard/quarantine.hpp"
#include "data/storage/file_io.hpp"
#include "data/storage/h5.hpp"
#include "launch/files.hpp"
#include "launch/topology.hpp"
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
    DataOptions loading;
    loading.augment = augment;
    loading.loader_threads = threads;
    loading.prefetch_batches = prefetch;
    return std::make_unique<Loader>(dataset_, "train", SampleOrder(*dataset_, "train", {}, 3), loading, 3);
  }
  static std::pair<std::uint64_t, std::uint64_t> four_per_step(std::uint64_t step) {
    return {4 * step, 4 * step + 4};
  }

  std::shared_ptr<const Dataset> dataset_ = std::make_shared<const Dataset>(Dataset::open(root()));
};

TEST_F(LoaderTest, DeliversTheOrdersSlicesStepByStep) {
  const auto under_test = loader(2, 3);
  const SampleOrder order(*dataset_, "train", {}, 3);
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

TEST_F(LoaderTest, ThreadsAreAddedWhileTheTrainingWaitsAndOnlyThen) {
  if (usable_cores() < 2) GTEST_SKIP() << "one core: there is nothing to add";
  const auto threads_after = [&](bool slices_are_slow) {
    DataOptions automatic;
    Loader under_test(dataset_, "train", SampleOrder(*dataset_, "train", {}, 3), automatic, 3);
    const auto before = under_test.num_threads();
    std::atomic<int> made = 0;
    under_test.start(0, 100, four_per_step, [&](Batch&) {
      if (slices_are_slow) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      ++made;
    });
    for (int step = 0; step < 100; ++step) {
      while (!slices_are_slow && made < std::min(step + 2, 100))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      EXPECT_EQ(under_test.next().samples.front().global_index, 4u * static_cast<unsigned>(step));
    }
    return under_test.num_threads() - before;
  };
  EXPECT_GT(threads_after(true), 0);
  EXPECT_EQ(threads_after(false), 0);
}

TEST(UsableCores, AreThoseThatSlurmGaveTheTask) {
  ::unsetenv("SLURM_CPUS_PER_TASK");
  const int bound_to = usable_cores();
  ::setenv("SLURM_CPUS_PER_TASK", "1", 1);
  EXPECT_EQ(usable_cores(), 1);
  ::setenv("SLURM_CPUS_PER_TASK", "100000", 1);
  EXPECT_EQ(usable_cores(), bound_to);
  ::unsetenv("SLURM_CPUS_PER_TASK");
}

TEST_F(LoaderTest, ADamagedSliceSurfacesInTheStepThatNeedsIt) {
  const SampleOrder order(*dataset_, "train", {}, 3);
  const auto victim = order.at(9);  // in step 2
  const auto shard = root() / ("train-0000" + std::to_string(victim.volume / 3) + ".h5");
  const auto index = h5::File::open(shard).read<std::uint64_t>("index/image");
  std::string bytes = read_file(shard);
  bytes[index[3 * ((victim.volume % 3) * 5 + victim.slice)] + 10] ^= 1;
  test::write_text(shard, bytes);
  const auto damaged = std::make_shared<const Dataset>(Dataset::open(root()));
  Loader under_test(damaged, "train", order, {}, 3);
  under_test.start(0, 5, four_per_step);
  EXPECT_NO_THROW(under_test.next());
  const auto text = error_of<DataError>([&] {
    for (int step = 1; step < 5; ++step) under_test.next();
  });
  EXPECT_THAT(text, HasSubstr("slice " + std::to_string(victim.slice) + " is damaged: its digest is wrong"));
  EXPECT_THAT(text, HasSubstr(dataset_->volumes("train")[victim.volume].subject));
}

/// Damages one byte of an image.
void flip_bit(const std::filesystem::path& shard, std::int64_t slice) {
  const auto index = h5::File::open(shard).read<std::uint64_t>("index/image");
  std::string bytes = read_file(shard);
  bytes[index[3 * static_cast<std::size_t>(slice)] + 10] ^= 1;
  test::write_text(shard, bytes);
}

/// Shown sample ids of 35 steps of 4, taken by ranks that each have a loader of their own.
std::vector<std::uint64_t> shown_ids(const std::shared_ptr<const Dataset>& dataset, std::uint64_t world_size,
                                     const DataOptions& options, std::vector<Substitution>& substitutions) {
  std::map<std::uint64_t, std::uint64_t> shown;
  for (std::uint64_t rank = 0; rank < world_size; ++rank) {
    Loader loader(dataset, "train", SampleOrder(*dataset, "train", {}, 3), options, 3);
    loader.start(0, 35, [&](std::uint64_t step) {
      return std::pair{4 * step + 4 * rank / world_size, 4 * step + 4 * (rank + 1) / world_size};
    });
    for (int step = 0; step < 35; ++step)
      for (const Sample& sample : loader.next().samples) shown[sample.global_index] = sample.id;
    for (auto& substitution : loader.take_substitutions()) substitutions.push_back(substitution);
    EXPECT_TRUE(loader.take_substitutions().empty());
  }
  std::vector<std::uint64_t> ids;
  for (const auto& [index, id] : shown) ids.push_back(id);
  return ids;
}

TEST_F(LoaderTest, ASubstituteIsTheSameOnEveryNumberOfRanks) {
  for (std::int64_t slice = 0; slice < 5; ++slice) flip_bit(root() / "train-00000.h5", slice);  // volume 0
  std::filesystem::remove(root() / "train-00002.h5");                                           // volume 6
  DataOptions substituting = options();
  EXPECT_THAT(error_of<DataError>([&] { Dataset::open(substituting); }), HasSubstr("is missing"));
  substituting.faults = "substitute";
  const auto damaged = std::make_shared<const Dataset>(Dataset::open(substituting));
  std::vector<Substitution> alone, among_three;
  const auto ids = shown_ids(damaged, 1, substituting, alone);
  EXPECT_EQ(shown_ids(damaged, 3, substituting, among_three), ids);
  EXPECT_EQ(alone.size(), 40u);  // two of seven volumes in 20 epochs
  EXPECT_EQ(among_three.size(), 40u);
  for (const auto& substitution : alone) {
    EXPECT_TRUE(substitution.wanted.volume == 0 || substitution.wanted.volume == 6);
    EXPECT_TRUE(substitution.shown.volume != 0 && substitution.shown.volume != 6);
    EXPECT_EQ(substitution.shown.global_index, substitution.wanted.global_index);
    EXPECT_THAT(substitution.reason,
                HasSubstr(substitution.wanted.volume == 0 ? "its digest is wrong" : "cannot read shard"));
  }
}

TEST_F(LoaderTest, WhenNothingCanBeReadThereIsNoSubstitute) {
  for (const char* shard : {"train-00000.h5", "train-00001.h5", "train-00002.h5"})
    std::filesystem::remove(root() / shard);
  DataOptions substituting = options();
  substituting.faults = "substitute";
  const auto damaged = std::make_shared<const Dataset>(Dataset::open(substituting));
  std::vector<Substitution> ignored;
  EXPECT_THAT(error_of<DataError>([&] { shown_ids(damaged, 1, substituting, ignored); }),
              HasSubstr("cannot read shard"));
}

TEST_F(LoaderTest, ASliceInQuarantineIsNeverShown) {
  write_quarantine(root(), {{"train-00001.h5", 1, 2, "phantom-train-0004", "a scratch"}});
  const auto restricted = std::make_shared<const Dataset>(Dataset::open(root()));
  std::vector<Substitution> substitutions;
  const auto ids = shown_ids(restricted, 1, options(), substitutions);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 4 * 5 + 2), 0);
  ASSERT_FALSE(substitutions.empty());
  EXPECT_THAT(substitutions.front().reason,
              HasSubstr("image of subject phantom-train-0004, slice 2 is in quarantine (a scratch)"));
  EXPECT_THROW(restricted->read_volume("train", 4), QuarantinedError);  // no scores from a made-up slice
}

TEST_F(LoaderTest, AShardInQuarantineMayBeMissing) {
  std::filesystem::remove(root() / "train-00001.h5");
  EXPECT_THAT(error_of<DataError>([&] { Dataset::open(options()); }), HasSubstr("train-00001.h5 is missing"));
  write_quarantine(root(), find_unreadable(root(), 2));
  const auto restricted = std::make_shared<const Dataset>(Dataset::open(options()));
  std::vector<Substitution> substitutions;
  for (const auto id : shown_ids(restricted, 1, options(), substitutions))
    EXPECT_TRUE(id / 5 < 3 || id / 5 > 5) << id;  // volumes 3, 4, 5 were in it
  EXPECT_GT(substitutions.size(), 20u);
}

TEST_F(LoaderTest, SlicesOfAMissingShardAreSubstitutedAlsoWhereDarkOnesAreLeftOut) {
  auto pixels = dataset_->brain_pixels("train");
  std::nth_element(pixels.begin(), pixels.begin() + 17, pixels.end());
  const double median_fraction = static_cast<double>(pixels[17]) / 360.0;
  std::filesystem::remove(root() / "train-00001.h5");
  auto substituting = options();
  substituting.faults = "substitute";
  const auto damaged = std::make_shared<const Dataset>(Dataset::open(substituting));
  const SampleOrder order(*damaged, "train",
                          {.slice_policy = "all_slices", .min_brain_fraction = median_fraction}, 3);
  EXPECT_LT(order.samples_per_epoch(), 35u);
  Loader loader(damaged, "train", order, substituting, 3);
  loader.start(0, 5, four_per_step);
  std::size_t num_substitutions = 0;
  for (int step = 0; step < 5; ++step)
    for (const Sample& sample : loader.next().samples) EXPECT_TRUE(sample.volume < 3 || sample.volume > 5);
  num_substitutions += loader.take_substitutions().size();
  EXPECT_GT(num_substitutions, 3u);
}

TEST_F(LoaderTest, AHintForASliceOfAMissingShardIsNoError) {
  dataset_->will_need("train", 4, 2);
  std::filesystem::remove(root() / "train-00001.h5");
  auto substituting = options();
  substituting.faults = "substitute";
  const auto damaged = Dataset::open(substituting);
  EXPECT_NO_THROW(damaged.will_need("train", 4, 2));
  std::vector<float> image(360);
  EXPECT_THROW(damaged.read_slice("train", 4, 2, image.data(), nullptr), DataError);
}

TEST_F(LoaderTest, ThreadsThatTheSystemDoesNotGiveAreAnErrorAndNoHang) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        rlimit limit{};
        ::getrlimit(RLIMIT_AS, &limit);
        limit.rlim_cur = rlim_t{1} << 30;  // room for some stacks of 8 MiB
        ::setrlimit(RLIMIT_AS, &limit);
        DataOptions many;
        many.loader_threads = 1000;
        const auto text = error_of<Error>(
            [&] { Loader(dataset_, "train", SampleOrder(*dataset_, "train", {}, 3), many, 3); });
        std::fputs(text.c_str(), stderr);
        std::exit(7);
      },
      testing::ExitedWithCode(7), "data.loader_threads: [0-9]+ of 1000 threads were started, then: Resource");
}

/// A disk that fails `failures` times with `error`.
std::atomic<int> failures_left{0};
std::atomic<int> failure_error{EIO};
ssize_t failing_read(int descriptor, void* buffer, std::size_t bytes, off_t offset) {
  if (failures_left-- > 0) {
    errno = failure_error;
    return -1;
  }
  return ::pread(descriptor, buffer, bytes / 2 + 1, offset);  // and reads less than was asked for
}

int failing_open(const char* path) {
  if (failures_left-- > 0) {
    errno = failure_error;
    return -1;
  }
  return ::open(path, O_RDONLY | O_CLOEXEC);
}

class FailingDisk : public LoaderTest {
 protected:
  void SetUp() override {
    before_ = replace_read_at(failing_read);
    open_before_ = replace_open_file(failing_open);
  }
  void TearDown() override {
    replace_read_at(before_);
    replace_open_file(open_before_);
  }
  /// Of the first read of a data set, which opens a shard.
  std::string opening_error_after(int failures, int error) {
    const auto fresh = Dataset::open(root());
    failures_left = failures;
    failure_error = error;
    std::vector<float> image(360);
    return error_of<DataError>([&] { fresh.read_slice("train", 0, 0, image.data(), nullptr); });
  }
  std::string error_after(int failures, int error) {
    failures_left = failures;
    failure_error = error;
    std::vector<float> image(360);
    const auto text =
        error_of<DataError>([&] { dataset_->read_slice("train", 0, 0, image.data(), nullptr); });
    EXPECT_TRUE(!text.empty() || image == expected_);
    return text;
  }

 private:
  std::vector<float> expected_ = [this] {
    std::vector<float> image(360);
    dataset_->read_slice("train", 0, 0, image.data(), nullptr);
    return image;
  }();
  ReadAt before_ = nullptr;
  OpenFile open_before_ = nullptr;
};

TEST_F(FailingDisk, IsAskedAgain) {
  EXPECT_EQ(error_after(0, EIO), "");
  EXPECT_EQ(error_after(1, EINTR), "");
  EXPECT_EQ(error_after(2, EIO), "");
  EXPECT_EQ(error_after(1, ESTALE), "");  // the shard is opened anew
}

TEST_F(FailingDisk, IsAskedAgainForAFile) {
  EXPECT_EQ(opening_error_after(2, ESTALE), "");
  EXPECT_EQ(opening_error_after(1, EIO), "");
  EXPECT_THAT(opening_error_after(1, EACCES), HasSubstr("train-00000.h5: Permission denied"));
}

TEST_F(FailingDisk, ThatStaysSoIsAnErrorWithItsReason) {
  EXPECT_THAT(error_after(1000, ESTALE), HasSubstr("Stale file handle"));
  EXPECT_THAT(error_after(1000, ENXIO), HasSubstr("No such device"));
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
