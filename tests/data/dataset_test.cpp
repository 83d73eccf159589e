// A prepared folder as trainings open it.
#include "data/dataset.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "data/prepare/prepare.hpp"
#include "data/source/cohort.hpp"
#include "launch/files.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

using test::error_of;
using test::Scratch;
using testing::HasSubstr;

/// A small prepared phantom.
class PreparedDataset : public test::Prepared {
 protected:
  std::string opening_error() {
    return error_of<DataError>([&] { Dataset::open(root()); });
  }
};

TEST_F(PreparedDataset, HasTheSetsVolumesAndSlicesOfTheCohort) {
  const auto dataset = Dataset::open(root());
  EXPECT_EQ(dataset.sets(), (std::vector<std::string>{"train", "val", "test"}));
  EXPECT_EQ(dataset.volumes("train").size(), 7u);
  EXPECT_EQ(dataset.volumes("test").size(), 1u);
  EXPECT_EQ(dataset.depth(), 5);
  EXPECT_EQ(dataset.height(), 20);
  EXPECT_EQ(dataset.width(), 18);
  const auto entries = list_cohort(options());
  for (std::int64_t i = 0; i < 7; ++i) {
    const auto expected = make_volume(options(), entries[i]);
    const auto volume = dataset.read_volume("train", i);
    EXPECT_EQ(volume.id, expected.id);
    EXPECT_EQ(volume.image, expected.image);
    EXPECT_EQ(volume.mask, expected.mask);
    std::vector<float> slice(360);
    dataset.read_slice("train", i, 2, slice.data(), nullptr);
    EXPECT_TRUE(std::equal(slice.begin(), slice.end(), expected.image.begin() + 2 * 360));
  }
}

TEST_F(PreparedDataset, AnUnknownSetIsAConfigurationErrorThatNamesTheSets) {
  const auto dataset = Dataset::open(root());
  EXPECT_THAT(error_of<ConfigError>([&] { dataset.volumes("vall"); }),
              HasSubstr("has no set 'vall'; it has: train, val, test"));
}

TEST_F(PreparedDataset, OtherOptionsThanThePreparedOnesAreAConfigurationError) {
  auto other = options();
  other.clip = false;
  const auto text = error_of<ConfigError>([&] { Dataset::open(other); });
  EXPECT_THAT(text, HasSubstr("was prepared with data.clip=true, but now it is false: run `gyrus prepare`"));
  auto free = options();
  free.loader_threads = 7;  // does not shape slices
  EXPECT_NO_THROW(Dataset::open(free));
}

TEST_F(PreparedDataset, MissingAndEmptyFoldersSayWhatToDo) {
  EXPECT_THAT(error_of<DataError>([] { Dataset::open(std::filesystem::path("/no/such/folder")); }),
              HasSubstr("is not a folder: make it with `gyrus prepare`"));
  const Scratch empty;
  EXPECT_THAT(error_of<DataError>([&] { Dataset::open(empty.path()); }),
              HasSubstr("the folder is empty; run `gyrus prepare`"));
  std::filesystem::remove(root() / "manifest.json");
  EXPECT_THAT(opening_error(), HasSubstr("its preparation was not completed; run `gyrus prepare`"));
}

TEST_F(PreparedDataset, AMissingShardIsNamed) {
  std::filesystem::remove(root() / "train-00001.h5");
  EXPECT_THAT(opening_error(), HasSubstr("train-00001.h5 is missing"));
}

TEST_F(PreparedDataset, ATruncatedShardIsNamedWithItsSizes) {
  const std::string whole = read_file(root() / "val-00000.h5");
  test::write_text(root() / "val-00000.h5", whole.substr(0, 3000));
  EXPECT_THAT(opening_error(),
              HasSubstr(fmt::format("val-00000.h5 is truncated: 3000 of {} bytes", whole.size())));
}

TEST_F(PreparedDataset, AnotherShardUnderTheSameNameIsRefused) {
  std::filesystem::copy_file(root() / "train-00000.h5", root() / "train-00001.h5",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(opening_error(), "");
}

TEST_F(PreparedDataset, ADamagedManifestIsRefused) {
  const std::string whole = read_file(root() / "manifest.json");
  std::string edited = whole;
  edited.replace(edited.find("\"set\": \"val\""), 12, "\"set\": \"trn\"");
  test::write_text(root() / "manifest.json", edited);
  EXPECT_THAT(opening_error(), HasSubstr("is damaged: its own digest differs"));
  test::write_text(root() / "manifest.json", whole.substr(0, whole.size() / 2));
  EXPECT_THAT(opening_error(), HasSubstr("is not JSON: the file is damaged"));
  for (const auto& [open, close] : {std::pair{"[", "]"}, {"{\"a\":", "}"}}) {
    std::string nested = "{\"format\": \"gyrus-dataset\", \"version\": 2, \"x\": ";
    for (int i = 0; i < 2'000'000; ++i) nested += open;
    nested += "1";
    for (int i = 0; i < 2'000'000; ++i) nested += close;
    test::write_text(root() / "manifest.json", nested + "}");
    EXPECT_THAT(opening_error(),
                HasSubstr("manifest.json is nested more than 64 levels deep: the file is damaged"));
  }
  test::write_text(root() / "manifest.json", "{\"a\": 1}");
  EXPECT_THAT(opening_error(), HasSubstr("is not the manifest of a Gyrus data set"));
  test::write_text(root() / "manifest.json", "{\"format\": \"gyrus-dataset\", \"version\": 9}");
  EXPECT_THAT(opening_error(), HasSubstr("has format version 9, this program reads version 2"));
  test::write_text(root() / "manifest.json", "{\"format\": \"gyrus-dataset\", \"version\": 2}");
  EXPECT_THAT(opening_error(), HasSubstr("is damaged"));
}

TEST_F(PreparedDataset, ItsDigestChangesWithItsContent) {
  const auto before = Dataset::open(root()).digest();
  auto other = options();
  other.phantom.seed = 2;
  other.root = (scratch() / "other").string();
  prepare_dataset(other, test::world());
  EXPECT_NE(Dataset::open(other).digest(), before);
}

}  // namespace
}  // namespace gyrus
