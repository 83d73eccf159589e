// HDF5 files of other programs, read through the library and converted.
#include "data/shard/foreign.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <limits>

#include "data/dataset.hpp"
#include "data/options.hpp"
#include "data/shard/repack.hpp"
#include "launch/log.hpp"
#include "tests/data/support.hpp"

namespace gyrus {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

void write_file(const h5::File& file, const std::filesystem::path& path) {
  const auto bytes = file.image();
  test::write_text(path, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::vector<float> ramp(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i) / static_cast<float>(count);
  return values;
}

class Foreign : public testing::Test {
 protected:
  void SetUp() override { log::configure(1, true); }

  /// Two volumes of three slices of 4x5 in one four-dimensional dataset with masks and lesions.
  void write_labelled(const std::string& name) {
    auto file = h5::File::create_in_memory();
    std::vector<std::uint8_t> mask(120, 1), lesion(120, 0);
    mask[0] = 0;
    lesion[70] = lesion[71] = 2;
    file.write<float>("image", {2, 3, 4, 5}, ramp(120));
    file.write<std::uint8_t>("mask", {2, 3, 4, 5}, mask);
    file.write<std::uint8_t>("lesion", {2, 3, 4, 5}, lesion);
    write_file(file, root_ / name);
  }
  std::string problem() {
    return error_of<DataError>([&] { Dataset::open(root_.path()); });
  }

  test::Scratch root_, target_;
};

TEST_F(Foreign, VolumesOfAFourDimensionalDatasetAreRead) {
  write_labelled("test-0.h5");
  const auto dataset = Dataset::open(root_.path());
  EXPECT_THAT(dataset.sets(), ElementsAre("test"));
  const auto& volumes = dataset.volumes("test");
  ASSERT_EQ(volumes.size(), 2u);
  EXPECT_EQ(volumes[0].label, 0);
  EXPECT_EQ(volumes[1].label, 1);
  EXPECT_EQ(volumes[1].lesion_voxels, 2);
  EXPECT_EQ(volumes[0].brain_voxels, 59);
  EXPECT_EQ(volumes[1].id, "test-0-0001");
  const auto volume = dataset.read_volume("test", 1);
  const auto expected = ramp(120);
  EXPECT_TRUE(std::equal(volume.image.begin(), volume.image.end(), expected.begin() + 60));
  EXPECT_EQ(volume.lesion[10], 1);
  EXPECT_THAT(dataset.brain_pixels("test"), ElementsAre(19, 20, 20, 20, 20, 20));
}

TEST_F(Foreign, AFileWithoutMasksHasItsBrainWhereTheImageIsNotZero) {
  auto file = h5::File::create_in_memory();
  file.write<double>("image", {4, 2, 2}, std::vector<double>{0, 1, 2, 3, 0, 0, 4, 5, 6, 7, 8, 9, 1, 1, 1, 0});
  file.write_attribute("/", "slices_per_volume", std::int64_t{2});
  file.write_texts("volumes/subject", {"sub a", "sub b"});
  write_file(file, root_ / "train.hdf5");
  const auto dataset = Dataset::open(root_.path());
  ASSERT_EQ(dataset.volumes("train").size(), 2u);
  EXPECT_EQ(dataset.volumes("train")[1].subject, "sub b");
  EXPECT_THAT(dataset.brain_pixels("train"), ElementsAre(3, 2, 4, 3));
  EXPECT_THAT(dataset.read_volume("train", 0).lesion, testing::Each(0));
}

TEST_F(Foreign, RepackedTheyAreShardsWithTheSameSlices) {
  write_labelled("test-0.h5");
  write_labelled("test-1.h5");
  repack(root_.path(), target_ / "new", {.codec = Codec::lz4, .shard_volumes = 3});
  DataOptions options;
  options.kind = "hdf5";
  options.root = (target_ / "new").string();
  const auto shards = Dataset::open(options), files = Dataset::open(root_.path());
  ASSERT_EQ(shards.volumes("test").size(), 4u);
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(shards.read_volume("test", i).image, files.read_volume("test", i).image);
    EXPECT_EQ(shards.read_volume("test", i).lesion, files.read_volume("test", i).lesion);
    EXPECT_EQ(shards.volumes("test")[i].label, files.volumes("test")[i].label);
  }
  EXPECT_FALSE(is_foreign(target_ / "new"));
}

TEST_F(Foreign, ATrailingSlashDoesNotTakeTheName) {
  write_labelled("test-0.h5");
  for (const char* end : {"", "/", "/."})
    EXPECT_EQ(describe_foreign(root_.path().string() + end).name, root_.path().filename().string()) << end;
}

TEST_F(Foreign, IntensitiesThatAreNotFiniteAreRefused) {
  for (const char* array : {"image", "mask"}) {
    for (const float value :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      auto file = h5::File::create_in_memory();
      auto spoiled = ramp(24);
      spoiled[20] = value;  // in the last of two slices
      file.write<float>("image", {2, 3, 4}, array == std::string("image") ? spoiled : ramp(24));
      file.write<float>("mask", {2, 3, 4}, array == std::string("mask") ? spoiled : ramp(24));
      write_file(file, root_ / "train.h5");
      const auto text = error_of<DataError>([&] { repack(root_.path(), target_ / "new", {}); });
      EXPECT_THAT(text, HasSubstr((root_ / "train.h5").string()));
      EXPECT_THAT(
          text, HasSubstr(fmt::format("slice 1 of dataset '{}' has values that are NaN or infinite", array)));
    }
  }
}

TEST_F(Foreign, AnAbsurdShapeIsRefused) {
  auto endless = h5::File::create_in_memory();
  endless.create_sliced("image", {std::int64_t{1} << 40, 8, 8}, h5::Type::f32, Codec::deflate);
  endless.write_attribute("/", "slices_per_volume", std::int64_t{1});
  write_file(endless, root_ / "train.h5");
  EXPECT_THAT(problem(),
              HasSubstr("train.h5: dataset 'image' claims 7.04e+13 voxels, which cannot be in a file of"));
  auto large = h5::File::create_in_memory();
  large.create_sliced("image", {2000, 1000, 1000}, h5::Type::u8, Codec::deflate);
  large.write<float>("others", {32, 1024}, std::vector<float>(32 * 1024));
  write_file(large, root_ / "train.h5");
  EXPECT_THAT(problem(),
              HasSubstr("a volume of 2000 slices of 1000x1000 pixels has more than 1073741824 voxels; is "
                        "the attribute 'slices_per_volume' missing?"));
}

TEST_F(Foreign, FilesThatCannotBeSlicesAreNamedWithTheReason) {
  auto no_image = h5::File::create_in_memory();
  no_image.write<float>("data", {2, 3, 4}, ramp(24));
  write_file(no_image, root_ / "train.h5");
  EXPECT_THAT(problem(), HasSubstr("train.h5 has no dataset 'image'"));
  auto flat = h5::File::create_in_memory();
  flat.write<float>("image", {6, 4}, ramp(24));
  write_file(flat, root_ / "train.h5");
  EXPECT_THAT(problem(), HasSubstr("dataset 'image' has 2 dimensions"));
  auto uneven = h5::File::create_in_memory();
  uneven.write<float>("image", {3, 2, 4}, ramp(24));
  uneven.write_attribute("/", "slices_per_volume", std::int64_t{2});
  write_file(uneven, root_ / "train.h5");
  EXPECT_THAT(problem(), HasSubstr("3 slices are no whole volumes of 2"));
  auto other_mask = h5::File::create_in_memory();
  other_mask.write<float>("image", {3, 2, 4}, ramp(24));
  other_mask.write<float>("mask", {3, 4, 2}, ramp(24));
  write_file(other_mask, root_ / "train.h5");
  EXPECT_THAT(problem(), HasSubstr("'image' and 'mask' have different shapes"));
}

}  // namespace
}  // namespace gyrus
