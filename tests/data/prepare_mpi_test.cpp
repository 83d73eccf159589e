#include <gmock/gmock.h>

#include <map>

#include "data/dataset.hpp"
#include "data/prepare.hpp"
#include "data/source/cohort.hpp"
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

TEST_F(Prepare, AnUnreadableVolumeIsAnErrorOnAllRanksAndLeavesNoManifest) {
  options_.kind = "nifti";
  options_.image_size = {6, 6, 4};
  options_.shard_volumes = 1;
  options_.sources = {"made"};
  auto& source = options_.source["made"];
  source.folder = world_.broadcast_text(scratch_.path().string(), 0);
  source.subjects = {"A", "B", "C", "D"};
  source.set = "train";
  source.image = "{subject}.nii";
  if (world_.rank() == 0) {
    test::NiftiFile file;
    file.shape = {6, 6, 4};
    std::vector<float> voxels(144);
    for (std::size_t i = 0; i < voxels.size(); ++i) voxels[i] = static_cast<float>(i);
    file.set_voxels(voxels);
    for (const char* name : {"A.nii", "B.nii", "C.nii", "D.nii"})
      file.write(std::filesystem::path(source.folder) / name);
    test::write_text(std::filesystem::path(source.folder) / "C.nii", "not an image");
  }
  world_.barrier();
  const auto text = test::error_of<AgreedError>([&] { prepare_dataset(options_, world_); });
  EXPECT_THAT(text, HasSubstr("C.nii: is not a NIfTI file"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "manifest.json"));
}

}  // namespace
}  // namespace gyrus
