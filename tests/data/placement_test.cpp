// Where slices lie while a job runs: the choice, the copies on a node's disk, the memory of a node.
#include <gmock/gmock.h>

#include <cstdlib>
#include <thread>

#include "data/dataset.hpp"
#include "data/placement/local_stage.hpp"
#include "data/placement/node_memory.hpp"
#include "data/placement/source_policy.hpp"
#include "launch/files.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

using test::error_of;
using testing::HasSubstr;

constexpr std::uint64_t gb = 1'000'000'000;

TEST(SourcePolicy, AutoTakesTheFirstPlaceThatHasRoomAndSaysWhy) {
  NodeFacts facts{.cache_bytes = 3 * gb, .memory_bytes = 6 * gb, .shards_bytes = gb, .stage_bytes = 9 * gb};
  auto choice = choose_policy("auto", facts);
  EXPECT_EQ(choice.policy, "node_cache");
  EXPECT_EQ(choice.reason, "3.00 GB decoded, 6.00 GB of memory free on the node");

  facts.memory_bytes = 6 * gb - 2;  // the training needs the other half
  choice = choose_policy("auto", facts);
  EXPECT_EQ(choice.policy, "stream");
  EXPECT_THAT(choice.reason, HasSubstr("on the node's own disk"));

  facts.network_file_system = "nfs";
  choice = choose_policy("auto", facts);
  EXPECT_EQ(choice.policy, "local_stage");
  EXPECT_EQ(choice.reason, "1.00 GB of shards on nfs, 9.00 GB of room on the node's disk");

  facts.stage_bytes = gb - 1;
  choice = choose_policy("auto", facts);
  EXPECT_EQ(choice.policy, "stream");
  EXPECT_THAT(choice.reason, HasSubstr("1.00 GB of shards do not fit into 1.00 GB on the node's disk"));

  facts.stage_bytes = 9 * gb;
  facts.has_shards = false;
  EXPECT_EQ(choose_policy("auto", facts).policy, "stream");
}

TEST(SourcePolicy, WhatIsAskedForIsDoneOrRefused) {
  NodeFacts facts{.cache_bytes = 3 * gb, .memory_bytes = 9 * gb, .shards_bytes = gb};
  EXPECT_EQ(choose_policy("stream", facts).policy, "stream");
  EXPECT_EQ(choose_policy("node_cache", facts).policy, "node_cache");
  EXPECT_EQ(choose_policy("local_stage", facts).policy, "local_stage");
  facts.memory_bytes = 5 * gb;
  EXPECT_THAT(error_of<ConfigError>([&] { choose_policy("node_cache", facts); }),
              HasSubstr("data.source_policy=node_cache: the training set takes 3.00 GB decoded, 5.00 GB of "
                        "memory free on the node, of which half may be used; take stream"));
  facts.has_shards = false;
  EXPECT_THAT(error_of<ConfigError>([&] { choose_policy("local_stage", facts); }),
              HasSubstr("`gyrus shards repack` makes shards of them"));
}

/// The files of the kernel that tell of memory, made up.
class NodeMemory : public testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((scratch_ / file).parent_path());
    test::write_text(scratch_ / file, text);
  }
  void SetUp() override {
    write("proc/meminfo", "MemTotal:  100 kB\nMemFree: 5 kB\nMemAvailable:   50 kB\n");
  }
  test::Scratch scratch_;
};

TEST_F(NodeMemory, IsWhatTheKernelCallsAvailable) {
  EXPECT_EQ(available_memory(scratch_.path()), 50u * 1024);
  EXPECT_EQ(available_shared_memory(scratch_.path()), 0u);  // no /dev/shm
  std::filesystem::create_directories(scratch_ / "dev/shm");
  EXPECT_EQ(available_shared_memory(scratch_.path()), 50u * 1024);
}

TEST_F(NodeMemory, AJobsControlGroupAndThoseAboveItLimitIt) {
  write("proc/self/cgroup", "0::/system.slice/job_7/step_0\n");
  write("sys/fs/cgroup/system.slice/job_7/step_0/memory.max", "max\n");
  write("sys/fs/cgroup/system.slice/job_7/step_0/memory.current", "1000\n");
  EXPECT_EQ(available_memory(scratch_.path()), 50u * 1024);
  write("sys/fs/cgroup/system.slice/job_7/memory.max", "30000\n");
  write("sys/fs/cgroup/system.slice/job_7/memory.current", "10000\n");
  EXPECT_EQ(available_memory(scratch_.path()), 20000u);
  write("sys/fs/cgroup/system.slice/job_7/memory.current", "30001\n");
  EXPECT_EQ(available_memory(scratch_.path()), 0u);
}

TEST_F(NodeMemory, GroupsOfTheFirstVersionCountToo) {
  write("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/slurm/job_7\n");
  write("sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes", "9000\n");
  write("sys/fs/cgroup/memory/slurm/job_7/memory.usage_in_bytes", "4000\n");
  EXPECT_EQ(available_memory(scratch_.path()), 5000u);
}

TEST(NetworkFileSystem, ADiskOfThisMachineIsNone) {
  EXPECT_STREQ(network_file_system("/proc"), "");
  EXPECT_THAT(error_of<DataError>([] { network_file_system("/no/such/folder"); }),
              HasSubstr("cannot look at the file system of /no/such/folder"));
}

class Stage : public test::Prepared {
 protected:
  Stage() {
    stage_.dir = (scratch() / "stage").string();
    stage_.max_gb = 1.0;
  }
  LocalStage stage(const std::filesystem::path& root) const {
    return LocalStage(stage_, root, Manifest::read(root).shards, 2);
  }
  /// Another data set, of brains of its own.
  std::filesystem::path other_set(std::int64_t seed) {
    auto other = options();
    other.root = (scratch() / ("set" + std::to_string(seed))).string();
    other.phantom.seed = seed;
    prepare_dataset(other, test::world());
    return other.root;
  }
  std::uint64_t set_bytes() const { return LocalStage::bytes_of(Manifest::read(root()).shards); }

  StageOptions stage_;
};

TEST_F(Stage, CopiesOnceAndReadsFromTheCopy) {
  std::filesystem::path folder;
  {
    const auto first = stage(root());
    EXPECT_EQ(first.copied_bytes(), set_bytes());
    folder = first.folder();
  }
  const auto second = stage(root());
  EXPECT_EQ(second.copied_bytes(), 0u);
  EXPECT_EQ(second.folder(), folder);
  auto dataset = Dataset::open(options());
  const auto expected = dataset.read_volume("train", 4);
  for (const auto& shard : Manifest::read(root()).shards) {
    EXPECT_EQ(read_file(folder / shard.file), read_file(root() / shard.file));
    std::filesystem::remove(root() / shard.file);
  }
  dataset.read_copies(folder);
  EXPECT_EQ(dataset.read_volume("train", 4).image, expected.image);
}

TEST_F(Stage, AnInterruptedCopyIsGoneOnWith) {
  const auto folder = stage(root()).folder();
  std::filesystem::remove(folder / "complete");
  std::filesystem::remove(folder / "train-00001.h5");
  const auto bytes = std::filesystem::file_size(root() / "train-00001.h5");
  EXPECT_EQ(stage(root()).copied_bytes(), bytes);
  std::filesystem::resize_file(folder / "train-00001.h5", bytes / 2);  // of a copy that was complete
  EXPECT_EQ(stage(root()).copied_bytes(), bytes);
}

TEST_F(Stage, WhatAKilledJobWasWritingIsRemoved) {
  const auto folder = stage(root()).folder();
  std::filesystem::remove(folder / "complete");
  test::write_text(folder / "train-00001.h5.tmp4711", "half");
  stage(root());
  EXPECT_FALSE(std::filesystem::exists(folder / "train-00001.h5.tmp4711"));
  EXPECT_TRUE(std::filesystem::exists(folder / "train-00001.h5"));
}

TEST_F(Stage, ADamagedShardIsNotCopied) {
  const auto shard = root() / "train-00001.h5";
  std::string content = read_file(shard);
  content[content.size() / 2] ^= 1;
  test::write_text(shard, content);
  testing::internal::CaptureStderr();
  const auto staged = stage(root());
  EXPECT_THAT(
      testing::internal::GetCapturedStderr(),
      HasSubstr("train-00001.h5 does not have the digest that the manifest lists, so it is not copied"));
  EXPECT_FALSE(std::filesystem::exists(staged.folder() / "train-00001.h5"));
  EXPECT_FALSE(std::filesystem::exists(staged.folder() / "complete"));
  auto dataset = Dataset::open(options());
  dataset.read_copies(staged.folder());
  EXPECT_NO_THROW(dataset.read_volume("train", 0));
  EXPECT_THAT(error_of<DataError>([&] {
                for (int volume = 3; volume < 6; ++volume) dataset.read_volume("train", volume);
              }),
              HasSubstr(shard.string()));  // the very shard, not a copy
}

TEST_F(Stage, DamageInACopyChangesNothingAndTheCopyIsMadeAgain) {
  const auto folder = stage(root()).folder();
  const auto copy = folder / "train-00000.h5";
  std::string content = read_file(copy);
  for (std::size_t i = content.size() / 2; i < content.size(); ++i) content[i] = '!';
  test::write_text(copy, content);
  const auto streamed = Dataset::open(options());
  auto staged = Dataset::open(options());
  staged.read_copies(folder);
  for (int volume = 0; volume < 3; ++volume)
    EXPECT_EQ(staged.read_volume("train", volume).image, streamed.read_volume("train", volume).image);
  EXPECT_FALSE(std::filesystem::exists(copy));
  auto opened = Dataset::open(options());
  const auto other = folder / "train-00001.h5";
  opened.read_copies(folder);
  test::write_text(other, std::string(std::filesystem::file_size(other), '!'));  // its tables, too
  EXPECT_EQ(opened.read_volume("train", 3).image, streamed.read_volume("train", 3).image);
  EXPECT_FALSE(std::filesystem::exists(other));
  stage(root());
  std::filesystem::remove(folder / "train-00000.h5");
  std::filesystem::remove(folder / "complete");
  EXPECT_EQ(stage(root()).copied_bytes(), std::filesystem::file_size(root() / "train-00000.h5"));
  EXPECT_EQ(read_file(copy), read_file(root() / "train-00000.h5"));
}

TEST_F(Stage, RoomIsWhatCopiesInUseLeave) {
  const auto b = other_set(2);
  const auto own = Manifest::read(root()).shards;
  const auto bytes = LocalStage::bytes_of(Manifest::read(b).shards);
  stage_.max_gb = 2.5 * static_cast<double>(bytes) / 1e9;
  const auto limit = static_cast<std::uint64_t>(stage_.max_gb * 1e9);
  EXPECT_EQ(LocalStage::room_bytes(stage_, own), limit);
  stage(root());
  EXPECT_EQ(LocalStage::room_bytes(stage_, own), limit);  // its own copy
  {
    const auto in_use = stage(b);
    const auto left = LocalStage::room_bytes(stage_, own);
    EXPECT_LE(left, limit - bytes);
    EXPECT_GT(left, limit - bytes - 100);  // the names in its marker
  }
  EXPECT_EQ(LocalStage::room_bytes(stage_, own), limit);  // it would go
}

TEST_F(Stage, TheCopyUsedLongestAgoGoesFirstAndOneInUseStays) {
  const auto b = other_set(2), c = other_set(3);
  stage_.max_gb = 2.5 * static_cast<double>(set_bytes()) / 1e9;  // two of them
  const auto folder_a = stage(root()).folder();
  const auto folder_b = stage(b).folder();
  stage(root());  // used again: now b is the oldest
  const auto in_use = stage(c);
  EXPECT_TRUE(std::filesystem::exists(folder_a / "complete"));
  EXPECT_FALSE(std::filesystem::exists(folder_b));
  const auto also_in_use = stage(root());
  EXPECT_THAT(error_of<DataError>([&] { stage(b); }), HasSubstr("do not fit into " + stage_.dir));
  EXPECT_TRUE(std::filesystem::exists(in_use.folder() / "complete"));
}

TEST_F(Stage, ASetThatNeverFitsIsRefused) {
  stage_.max_gb = 0.5 * static_cast<double>(set_bytes()) / 1e9;
  EXPECT_THAT(error_of<DataError>([&] { stage(root()); }),
              HasSubstr("take another data.stage.dir or data.source_policy=stream"));
}

TEST_F(Stage, JobsOfOneNodeCopyOnce) {
  std::vector<std::uint64_t> copied(4);
  {
    std::vector<std::jthread> jobs;
    for (auto& bytes : copied) jobs.emplace_back([&] { bytes = stage(root()).copied_bytes(); });
  }
  EXPECT_EQ(std::count(copied.begin(), copied.end(), set_bytes()), 1);
  EXPECT_EQ(std::count(copied.begin(), copied.end(), 0u), 3);
}

TEST_F(Stage, AFolderThatCannotBeWrittenIsNamed) {
  test::write_text(scratch() / "file", "");
  stage_.dir = (scratch() / "file" / "below").string();
  EXPECT_THAT(error_of<DataError>([&] { stage(root()); }), HasSubstr("cannot create folder " + stage_.dir));
}

TEST(StageFolder, IsTheUsersOwnInTheNodesScratch) {
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before != nullptr ? before : "";
  ::setenv("TMPDIR", "/scratch/of/job", 1);
  EXPECT_EQ(LocalStage::top_folder({}), "/scratch/of/job/gyrus-stage-" + std::to_string(::getuid()));
  ::unsetenv("TMPDIR");
  EXPECT_EQ(LocalStage::top_folder({}), "/tmp/gyrus-stage-" + std::to_string(::getuid()));
  if (before != nullptr) ::setenv("TMPDIR", kept.c_str(), 1);
}

}  // namespace
}  // namespace gyrus
