// The data set of a job on several ranks: one copy in the node's memory, or on its disk.
#include <gmock/gmock.h>

#include "data/placement/job_data.hpp"
#include "data/placement/node_cache.hpp"
#include "data/prepare/prepare.hpp"
#include "launch/agree.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "tests/data/support.hpp"

namespace gyrus {
namespace {

using testing::HasSubstr;

class JobDataTest : public testing::Test {
 protected:
  void SetUp() override {
    log::configure(1, true);
    root_ = world_.broadcast_text((scratch_ / "set").string(), 0);
    options_ = test::small_phantom(root_);
    options_.stage.dir = (root_.parent_path() / "stage").string();
    prepare_dataset(options_, world_);
    const auto streamed = Dataset::open(options_);
    for (std::int64_t volume = 0; volume < 7; ++volume)
      expected_.push_back(streamed.read_volume("train", volume));
    world_.barrier();
  }
  void TearDown() override { world_.barrier(); }

  JobData open(const std::string& policy) {
    options_.source_policy = policy;
    return open_for_job(options_, "train", world_, find_topology(world_));
  }
  void remove_shards() {
    world_.barrier();
    if (world_.rank() == 0)
      for (const auto& shard : Manifest::read(root_).shards) std::filesystem::remove(root_ / shard.file);
    world_.barrier();
  }
  /// Every slice of every volume, whichever rank has read it.
  void expect_all_slices(const Dataset& dataset) const {
    for (std::int64_t volume = 0; volume < 7; ++volume) {
      const auto& whole = expected_[static_cast<std::size_t>(volume)];
      const auto pixels = static_cast<std::size_t>(whole.height * whole.width);
      for (std::int64_t slice = 0; slice < whole.depth; ++slice) {
        std::vector<float> image(pixels);
        std::vector<std::uint8_t> mask(pixels);
        dataset.read_slice("train", volume, slice, image.data(), mask.data());
        EXPECT_TRUE(std::equal(image.begin(), image.end(), whole.image.begin() + slice * pixels));
        EXPECT_TRUE(std::equal(mask.begin(), mask.end(), whole.mask.begin() + slice * pixels));
      }
    }
  }

  test::Scratch scratch_;
  mpi::Communicator world_ = mpi::Communicator::world();
  std::filesystem::path root_;
  DataOptions options_;
  std::vector<Volume> expected_;
};

TEST_F(JobDataTest, TheNodeCacheGivesEveryRankWhatAnyRankHasRead) {
  const auto job = open("node_cache");
  EXPECT_EQ(job.source.policy, "node_cache");
  remove_shards();
  expect_all_slices(*job.dataset);
  std::vector<std::uint8_t> mask(360);
  job.dataset->read_slice("train", 2, 1, nullptr, mask.data());  // either alone
  EXPECT_TRUE(std::equal(mask.begin(), mask.end(), expected_[2].mask.begin() + 360));
}

TEST_F(JobDataTest, TheStageServesEveryRankFromTheNodesDisk) {
  const auto job = open("local_stage");
  EXPECT_EQ(job.source.policy, "local_stage");
  EXPECT_EQ(job.stage != nullptr, world_.rank() == 0);
  remove_shards();
  expect_all_slices(*job.dataset);
}

TEST_F(JobDataTest, StreamingReadsTheShardsThemselves) {
  const auto job = open("stream");
  expect_all_slices(*job.dataset);
  remove_shards();
  std::vector<float> image(360);
  EXPECT_THROW(open("stream"), AgreedError);
}

TEST_F(JobDataTest, AutoTakesTheMemoryForASmallSet) {
  const auto job = open("auto");
  EXPECT_EQ(job.source.policy, "node_cache");
  EXPECT_THAT(job.source.reason, HasSubstr("63.0 kB decoded"));  // 35 slices of 20 x 18 pixels
}

TEST_F(JobDataTest, ASliceThatCannotBeReadIsNotInTheCacheAndIsNamedWhenItIsWanted) {
  const auto shard = root_ / "train-00001.h5";
  if (world_.rank() == 0) {
    std::string content = read_file(shard);
    for (std::size_t i = content.size() / 2; i < content.size(); ++i) content[i] = '!';
    test::write_text(shard, content);
  }
  world_.barrier();
  const auto job = open("node_cache");
  std::vector<float> image(360);
  EXPECT_NO_THROW(job.dataset->read_slice("train", 0, 0, image.data(), nullptr));
  const auto text = test::error_of<DataError>([&] {
    for (std::int64_t volume = 3; volume < 6; ++volume)
      for (std::int64_t slice = 0; slice < 5; ++slice)
        job.dataset->read_slice("train", volume, slice, image.data(), nullptr);
  });
  EXPECT_THAT(text, HasSubstr("is damaged: its digest is wrong"));
}

TEST_F(JobDataTest, RanksThatSeeOtherSlicesDoNotTrain) {
  const auto dataset = Dataset::open(options_);
  const SampleOrder all(dataset, "train", {.slice_policy = "all_slices"}, 1), few(dataset, "train", {}, 1);
  EXPECT_NO_THROW(check_same_order(all, world_));
  if (world_.size() == 1) return;
  const auto text =
      test::error_of<AgreedError>([&] { check_same_order(world_.rank() == 0 ? few : all, world_); });
  EXPECT_THAT(text, HasSubstr("ranks have epochs of 7 to 35 samples: some node cannot read a shard"));
}

TEST_F(JobDataTest, AJobWithOneCoreIsWarned) {
  log::configure(0, true);
  const auto warnings = [&](int cores) {
    auto topology = find_topology(world_);
    topology.cores = cores;
    testing::internal::CaptureStderr();
    open_for_job(options_, "train", world_, topology);
    return testing::internal::GetCapturedStderr();
  };
  ::unsetenv("SLURM_JOB_ID");
  EXPECT_EQ(warnings(1), "");
  ::setenv("SLURM_JOB_ID", "1", 1);
  EXPECT_EQ(warnings(2), "");
  EXPECT_THAT(warnings(1),
              HasSubstr("this job has one core per rank, which reading slices and training share"));
  ::unsetenv("SLURM_JOB_ID");
}

TEST_F(JobDataTest, WhatOneRankCannotDoEndsTheJobOnAll) {
  options_.stage.max_gb = 1e-9;
  const auto text = test::error_of<AgreedError>([&] { open("local_stage"); });
  EXPECT_THAT(text, HasSubstr("do not fit into " + options_.stage.dir));
}

}  // namespace
}  // namespace gyrus
