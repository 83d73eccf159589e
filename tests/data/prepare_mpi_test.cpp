#include <gmock/gmock.h>

#include <map>

#include "data/dataset.hpp"
#include "data/prepare/prepare.hpp"
#include "data/shard/description.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/quarantine.hpp"
#include "data/source/cohort.hpp"
#include "data/storage/h5.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "tests/data/support.hpp"

namespace gyrus {
namespace {

using testing::HasSubstr;

/// One folder that all ranks of the test share.
class Prepare : public testing::Test {
 protected:
  void SetUp() override {
    log::configure(1, true);
    root_ = world_.broadcast_text((scratch_ / "set").string(), 0);
    options_ = test::small_phantom(root_);
  }
  void TearDown() override { world_.barrier(); }

  test::Scratch scratch_;
  mpi::Communicator world_ = mpi::Communicator::world();
  std::filesystem::path root_;
  DataOptions options_;
};

TEST_F(Prepare, MakesEveryVolumeInItsPlaceOnEveryNumberOfRanks) {
  EXPECT_TRUE(prepare_dataset(options_, world_));
  const auto dataset = Dataset::open(options_);
  std::map<std::string, std::int64_t> next;
  for (const auto& entry : list_cohort(options_)) {
    const auto expected = make_volume(options_, entry);
    const auto volume = dataset.read_volume(entry.set, next[entry.set]++);
    EXPECT_EQ(volume.id, expected.id);
    EXPECT_EQ(volume.image, expected.image);
    EXPECT_EQ(volume.lesion, expected.lesion);
  }
  EXPECT_EQ(next["train"], 7);
}

TEST_F(Prepare, LeavesACompleteFolderAsItIs) {
  EXPECT_TRUE(prepare_dataset(options_, world_));
  const auto written = std::filesystem::last_write_time(root_ / "train-00000.h5");
  EXPECT_FALSE(prepare_dataset(options_, world_));
  EXPECT_EQ(std::filesystem::last_write_time(root_ / "train-00000.h5"), written);
}

TEST_F(Prepare, MakesAnInterruptedOrDamagedFolderAnew) {
  prepare_dataset(options_, world_);
  const std::string whole = read_file(root_ / "train-00000.h5");
  world_.barrier();
  if (world_.rank() == 0) std::filesystem::remove(root_ / "manifest.json");
  world_.barrier();
  EXPECT_TRUE(prepare_dataset(options_, world_));
  world_.barrier();
  if (world_.rank() == 0) test::write_text(root_ / "train-00000.h5", whole.substr(0, 1000));
  world_.barrier();
  EXPECT_TRUE(prepare_dataset(options_, world_));
  EXPECT_EQ(read_file(root_ / "train-00000.h5"), whole);
}

TEST_F(Prepare, GoesOnWhereItStopped) {
  prepare_dataset(options_, world_);
  const auto digest = Dataset::open(options_).digest();
  const auto written = std::filesystem::last_write_time(root_ / "train-00000.h5");
  world_.barrier();
  if (world_.rank() == 0) {
    std::filesystem::remove(root_ / "manifest.json");
    std::filesystem::remove(root_ / "train-00001.h5");
    std::filesystem::resize_file(root_ / "val-00000.h5", 2000);
  }
  world_.barrier();
  EXPECT_TRUE(prepare_dataset(options_, world_));
  EXPECT_EQ(std::filesystem::last_write_time(root_ / "train-00000.h5"), written);  // was whole
  EXPECT_EQ(Dataset::open(options_).digest(), digest);
}

TEST_F(Prepare, AnotherCodecMakesTheShardsAnew) {
  prepare_dataset(options_, world_);
  options_.codec = "lz4";
  EXPECT_TRUE(prepare_dataset(options_, world_));
  EXPECT_FALSE(prepare_dataset(options_, world_));
  EXPECT_EQ(ShardLayout::of_file(root_ / "test-00000.h5").codec, Codec::lz4);
}

TEST_F(Prepare, FewerShardsLeaveNoneBehind) {
  prepare_dataset(options_, world_);
  options_.shard_volumes = 100;
  EXPECT_TRUE(prepare_dataset(options_, world_));
  world_.barrier();
  EXPECT_FALSE(std::filesystem::exists(root_ / "train-00001.h5"));
  EXPECT_EQ(Dataset::open(options_).volumes("train").size(), 7u);
}

TEST_F(Prepare, AManifestOfSomethingElseIsNotOverwritten) {
  if (world_.rank() == 0) {
    std::filesystem::create_directories(root_);
    test::write_text(root_ / "manifest.json", "{\"name\": \"a web page\"}");
  }
  world_.barrier();
  const auto text = test::error_of<AgreedError>([&] { prepare_dataset(options_, world_); });
  EXPECT_THAT(text, HasSubstr("manifest.json is not of a Gyrus data set and would be overwritten"));
  EXPECT_EQ(read_file(root_ / "manifest.json"), "{\"name\": \"a web page\"}");
}

/// Refused again and again, and the file stays as it was: a first refusal leaves no trace that a second call
/// could take for an earlier preparation.
class PrepareAmongForeignFiles : public Prepare {
 protected:
  /// Collective: rank 0 writes.
  void expect_refused(const std::string& file, const std::string& bytes, const std::string& message) {
    world_.barrier();
    if (world_.rank() == 0) {
      std::filesystem::create_directories(root_);
      test::write_text(root_ / file, bytes);
    }
    world_.barrier();
    for (int i = 0; i < 2; ++i)
      EXPECT_THAT(test::error_of<AgreedError>([&] { prepare_dataset(options_, world_); }),
                  HasSubstr((root_ / file).string() + message));
    EXPECT_EQ(read_file(root_ / file), bytes);
    world_.barrier();
    if (world_.rank() == 0) std::filesystem::remove(root_ / file);
    world_.barrier();
  }
  static std::string bytes_of(const h5::File& file) {
    const auto bytes = file.image();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  static constexpr const char* not_a_shard =
      " is not a Gyrus shard and would be overwritten: choose another data.root, or delete it";
};

TEST_F(PrepareAmongForeignFiles, FilesUnderTheNamesOfShardsAreNotOverwritten) {
  auto foreign = h5::File::create_in_memory();
  foreign.write<float>("temperatures", {2}, std::vector<float>{1, 2});
  expect_refused("train-00001.h5", bytes_of(foreign), not_a_shard);
  foreign.write_attribute("/", "format", std::int64_t{5});
  expect_refused("train-00000.h5", bytes_of(foreign), not_a_shard);
  expect_refused("val-00000.h5", "a table of values", not_a_shard);
  prepare_dataset(options_, world_);
  expect_refused("train-00000.h5", bytes_of(foreign), not_a_shard);  // the preparation knows its own
  EXPECT_TRUE(prepare_dataset(options_, world_));
}

TEST_F(PrepareAmongForeignFiles, ForeignSourcesAreNotOverwritten) {
  const char* const message = " is not a list of sources by `gyrus prepare` and would be overwritten";
  expect_refused("sources.json", "{\"news\": [\"https://a\", 1, 2]}", message);
  expect_refused("sources.json", "[]", message);
  expect_refused("sources.json", std::string(2'000'000, '['), message);
  EXPECT_TRUE(prepare_dataset(options_, world_));
}

TEST_F(PrepareAmongForeignFiles, AShardOfAnotherVersionIsMadeAnew) {
  auto newer = h5::File::create_in_memory();
  newer.write_attribute("/", "format", "gyrus-shard");
  newer.write_attribute("/", "version", std::int64_t{7});
  world_.barrier();
  if (world_.rank() == 0) {
    std::filesystem::create_directories(root_);
    test::write_text(root_ / "train-00000.h5", bytes_of(newer));
  }
  world_.barrier();
  EXPECT_TRUE(prepare_dataset(options_, world_));
  EXPECT_EQ(Dataset::open(options_).volumes("train").size(), 7u);
}

TEST_F(Prepare, WhatAKilledPreparationLeftIsRemoved) {
  const std::vector<std::string> leftovers = {"train-00000.h5.tmp17", "val-00000.h5.tmpnode.17",
                                              "manifest.json.tmpnode.17", "sources.json.tmpnode.17"};
  if (world_.rank() == 0) {
    std::filesystem::create_directories(root_);
    for (const auto& name : leftovers) test::write_text(root_ / name, "half");
    test::write_text(root_ / "notes.txt.tmp17", "of somebody");
  }
  world_.barrier();
  EXPECT_TRUE(prepare_dataset(options_, world_));
  world_.barrier();
  for (const auto& name : leftovers) EXPECT_FALSE(std::filesystem::exists(root_ / name)) << name;
  EXPECT_TRUE(std::filesystem::exists(root_ / "notes.txt.tmp17"));
}

TEST_F(Prepare, ADeletedShardAndTheDamagedOnesInQuarantineAreMadeAgain) {
  prepare_dataset(options_, world_);
  const std::string first = read_file(root_ / "train-00000.h5"), second = read_file(root_ / "train-00001.h5");
  world_.barrier();
  if (world_.rank() == 0) {
    std::filesystem::remove(root_ / "train-00000.h5");
    const auto index = h5::File::open(root_ / "train-00001.h5").read<std::uint64_t>("index/mask");
    std::string damaged = second;
    damaged[index[0] + 3] ^= 0x20;
    test::write_text(root_ / "train-00001.h5", damaged);
    write_quarantine(root_, {{"train-00001.h5", 0, 0, "phantom-train-0003", "its digest is wrong"}});
  }
  world_.barrier();
  EXPECT_TRUE(prepare_dataset(options_, world_));
  EXPECT_EQ(read_file(root_ / "train-00000.h5"), first);
  EXPECT_EQ(read_file(root_ / "train-00001.h5"), second);
  EXPECT_TRUE(read_quarantine(root_).empty());
}

TEST_F(Prepare, ADataSetOfOtherOptionsIsNotReplaced) {
  prepare_dataset(options_, world_);
  auto others = options_;
  others.phantom.seed = 2;
  const auto text = test::error_of<AgreedError>([&] { prepare_dataset(others, world_); });
  EXPECT_THAT(text, HasSubstr("was prepared with data.phantom.seed"));
  EXPECT_NO_THROW(Dataset::open(options_));
}

TEST_F(Prepare, AFailureOfOneRankIsAnErrorOnAllOfThem) {
  options_.root = "/proc/gyrus/set";  // nobody can write there
  const auto text = test::error_of<AgreedError>([&] { prepare_dataset(options_, world_); });
  EXPECT_THAT(text, HasSubstr("cannot create folder /proc/gyrus/set"));
}

/// Four subjects of a made cohort, one file each.
class PrepareFiles : public Prepare {
 protected:
  void SetUp() override {
    Prepare::SetUp();
    options_.kind = "nifti";
    options_.image_size = {6, 6, 4};
    options_.shard_volumes = 2;
    options_.sources = {"made"};
    auto& source = options_.source["made"];
    source.folder = world_.broadcast_text(scratch_.path().string(), 0);
    source.subjects = {"A", "B", "C", "D"};
    source.set = "train";
    source.image = "{subject}.nii";
    for (const char* name : {"A", "B", "C", "D"}) write_image(name, 0);
  }
  std::filesystem::path image(const std::string& subject) const {
    return std::filesystem::path(options_.source.at("made").folder) / (subject + ".nii");
  }
  /// Collective: rank 0 writes.
  void write_image(const std::string& subject, int first_value) {
    world_.barrier();
    if (world_.rank() == 0) {
      test::NiftiFile file;
      file.shape = {6, 6, 4};
      std::vector<float> voxels(144);
      for (std::size_t i = 0; i < voxels.size(); ++i) voxels[i] = static_cast<float>(i + first_value);
      file.set_voxels(voxels);
      file.write(image(subject));
    }
    world_.barrier();
  }
  void spoil(const std::string& subject) {
    world_.barrier();
    if (world_.rank() == 0) test::write_text(image(subject), "not an image");
    world_.barrier();
  }
  std::filesystem::file_time_type written(const std::string& shard) const {
    return std::filesystem::last_write_time(root_ / shard);
  }
};

TEST_F(PrepareFiles, UnreadableVolumesAreNamedTogetherAndTheOthersSurvive) {
  spoil("A");
  spoil("B");
  const auto text = test::error_of<AgreedError>([&] { prepare_dataset(options_, world_); });
  EXPECT_THAT(text, HasSubstr("2 volumes could not be prepared; the others are done and stay"));
  EXPECT_THAT(text, HasSubstr("A.nii: is not a NIfTI file"));
  EXPECT_THAT(text, HasSubstr("B.nii: is not a NIfTI file"));
  EXPECT_THAT(text, HasSubstr("data.on_error=skip"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "manifest.json"));
  const auto kept = written("train-00001.h5");
  write_image("A", 1);
  write_image("B", 1);
  EXPECT_TRUE(prepare_dataset(options_, world_));
  EXPECT_EQ(written("train-00001.h5"), kept);
  EXPECT_EQ(Dataset::open(options_).volumes("train").size(), 4u);
}

TEST_F(PrepareFiles, OnRequestAnUnreadableVolumeIsSkippedAndRemembered) {
  spoil("C");
  options_.on_error = "skip";
  EXPECT_TRUE(prepare_dataset(options_, world_));
  EXPECT_EQ(Dataset::open(options_).volumes("train").size(), 3u);
  EXPECT_EQ(Manifest::read(root_).shards.at(1).skipped.at(0).id, "C");
  EXPECT_FALSE(prepare_dataset(options_, world_));  // the file has not changed
  options_.on_error = "fail";
  EXPECT_THAT(test::error_of<AgreedError>([&] { prepare_dataset(options_, world_); }), HasSubstr("C.nii"));
  write_image("C", 5);
  EXPECT_TRUE(prepare_dataset(options_, world_));
  EXPECT_EQ(Dataset::open(options_).volumes("train").size(), 4u);
}

TEST_F(PrepareFiles, WithNoVolumeLeftThereIsNoDataSet) {
  for (const char* subject : {"A", "B", "C", "D"}) spoil(subject);
  options_.on_error = "skip";
  EXPECT_THAT(test::error_of<AgreedError>([&] { prepare_dataset(options_, world_); }),
              HasSubstr("no volume of small is left"));
}

TEST_F(PrepareFiles, OnlyAChangedSourceIsReadAgain) {
  prepare_dataset(options_, world_);
  const auto first = written("train-00000.h5"), second = written("train-00001.h5");
  write_image("D", 0);  // another time, equal bytes
  EXPECT_FALSE(prepare_dataset(options_, world_));
  write_image("D", 20);
  EXPECT_TRUE(prepare_dataset(options_, world_));
  EXPECT_EQ(written("train-00000.h5"), first);
  EXPECT_NE(written("train-00001.h5"), second);
}

TEST_F(PrepareFiles, AnotherReferenceOfTheIntensitiesMakesEveryShardAnew) {
  options_.steps = {"match_histogram", "curvature_flow", "centre", "rescale", "downsample"};
  options_.match_histogram.reference = image("A").string();
  EXPECT_TRUE(prepare_dataset(options_, world_));
  EXPECT_FALSE(prepare_dataset(options_, world_));
  options_.match_histogram.reference += ".copy/A.nii";  // the same bytes elsewhere
  world_.barrier();
  if (world_.rank() == 0) {
    const std::filesystem::path copy = options_.match_histogram.reference;
    std::filesystem::create_directories(copy.parent_path());
    std::filesystem::copy_file(image("A"), copy);
  }
  world_.barrier();
  EXPECT_FALSE(prepare_dataset(options_, world_));
  const auto before = written("train-00001.h5");
  write_image("E", 50);
  options_.match_histogram.reference = image("E").string();
  EXPECT_THAT(test::error_of<AgreedError>([&] { prepare_dataset(options_, world_); }),
              HasSubstr("was prepared with data.match_histogram.reference=A.nii"));
  write_image("A", 50);
  options_.match_histogram.reference = image("A").string();
  EXPECT_TRUE(prepare_dataset(options_, world_));
  EXPECT_NE(written("train-00001.h5"), before);
}

TEST_F(PrepareFiles, AFolderThatWasMovedAwayFromItsSourcesIsUsedAsItIs) {
  prepare_dataset(options_, world_);
  options_.source["made"].folder = "/no/such/folder";
  EXPECT_FALSE(prepare_dataset(options_, world_));
  EXPECT_NO_THROW(Dataset::open(options_));
}

TEST_F(PrepareFiles, AShardKnowsItsSourcesAndItsPlaceInThePatient) {
  prepare_dataset(options_, world_);
  const auto description = ShardDescription::of_file(root_ / "train-00000.h5");
  EXPECT_THAT(description.provenances.at(1).sources.at("image"), testing::StartsWith("B.nii xxh3:"));
  EXPECT_EQ(description.provenances.at(1).affine, (Affine{{{-1, 0, 0, 0}, {0, -1, 0, 0}, {0, 0, 1, 0}}}));
  EXPECT_EQ(description.preparation, options_.preparation());
}

}  // namespace
}  // namespace gyrus
