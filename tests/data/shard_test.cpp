#include <gmock/gmock.h>
#include <hdf5.h>
#include <sys/resource.h>

#include <csignal>

#include "data/dataset.hpp"
#include "data/prepare.hpp"
#include "data/shard/format.hpp"
#include "data/shard/h5.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/reader.hpp"
#include "data/shard/writer.hpp"
#include "data/source/cohort.hpp"
#include "launch/files.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

using test::error_of;
using test::Scratch;
using testing::HasSubstr;
using testing::StartsWith;

Volume made_volume(const std::string& subject, float offset) {
  Volume volume{.id = subject + "-scan",
                .subject = subject,
                .set = "train",
                .depth = 3,
                .height = 8,
                .width = 6,
                .image = {},
                .mask = {},
                .lesion = {},
                .age = 40.0,
                .label = 0,
                .spacing = {1, 1, 1}};
  for (int i = 0; i < 3 * 8 * 6; ++i) {
    volume.image.push_back(offset + 0.37f * static_cast<float>(i % 11));
    volume.mask.push_back(i % 3 != 0);
    volume.lesion.push_back(i % 7 == 0);
  }
  return volume;
}

/// A shard of two volumes.
class Shard : public testing::Test {
 protected:
  void SetUp() override {
    ShardWriter writer(2, 3, 8, 6);
    writer.add(made_volume("sub-1", 0.0f));
    writer.add(made_volume("sub-2", 5.0f));
    summary_ = writer.write(path());
  }
  std::filesystem::path path() const { return scratch_ / "train-00000.h5"; }
  std::string opening_error(const std::filesystem::path& file) const {
    return error_of<DataError>([&] { ShardReader::open(file); });
  }

  Scratch scratch_;
  ShardSummary summary_;
};

TEST_F(Shard, ReturnsWhatWasWritten) {
  const auto reader = ShardReader::open(path());
  EXPECT_EQ(reader.num_volumes(), 2);
  EXPECT_EQ(reader.ids(), (std::vector<std::string>{"sub-1-scan", "sub-2-scan"}));
  const auto expected = made_volume("sub-2", 5.0f);
  std::vector<float> image(48);
  std::vector<std::uint8_t> labels(48);
  for (int slice = 0; slice < 3; ++slice) {
    reader.read_image(1, slice, image.data());
    EXPECT_TRUE(std::equal(image.begin(), image.end(), expected.image.begin() + 48 * slice));
    reader.read_labels(ShardReader::Array::mask, 1, slice, labels.data());
    EXPECT_TRUE(std::equal(labels.begin(), labels.end(), expected.mask.begin() + 48 * slice));
    reader.read_labels(ShardReader::Array::lesion, 1, slice, labels.data());
    EXPECT_TRUE(std::equal(labels.begin(), labels.end(), expected.lesion.begin() + 48 * slice));
  }
}

TEST_F(Shard, IsPlainHdf5ThatTheLibraryDecompresses) {
  const auto file = h5::File::open(path());
  EXPECT_EQ(file.shape("image"), (std::vector<std::int64_t>{6, 8, 6}));
  const auto values = file.read<float>("image");
  const auto expected = made_volume("sub-2", 5.0f);
  EXPECT_TRUE(std::equal(expected.image.begin(), expected.image.end(), values.begin() + 3 * 48));
  EXPECT_EQ(file.read<std::uint8_t>("mask").at(1), 1);
}

TEST_F(Shard, EqualContentGivesEqualFiles) {
  ShardWriter writer(2, 3, 8, 6);
  writer.add(made_volume("sub-1", 0.0f));
  writer.add(made_volume("sub-2", 5.0f));
  const auto again = writer.write(scratch_ / "again.h5");
  EXPECT_EQ(again.digest, summary_.digest);
  EXPECT_EQ(again.bytes, std::filesystem::file_size(path()));
}

TEST_F(Shard, AFlippedBitInAnyByteOfAChunkIsFoundAndNamed) {
  const std::string whole = read_file(path());
  const auto file = h5::File::open(path());
  int num_flips = 0;
  for (const char* array : shard_format::arrays) {
    const auto index = file.read<std::uint64_t>(std::string("index/") + array);
    for (const std::uint64_t slice : {0u, 4u}) {
      for (std::uint64_t byte = 0; byte < index[3 * slice + 1]; ++byte) {
        std::string damaged = whole;
        damaged[index[3 * slice] + byte] ^= static_cast<char>(1 << (byte % 8));
        test::write_text(scratch_ / "damaged.h5", damaged);
        const auto problems = ShardReader::open(scratch_ / "damaged.h5").damaged_slices();
        ASSERT_EQ(problems.size(), 1u);
        EXPECT_THAT(problems[0],
                    HasSubstr(fmt::format("{} of subject {}, slice {} is damaged: its digest is wrong", array,
                                          slice < 3 ? "sub-1" : "sub-2", slice % 3)));
        ++num_flips;
      }
    }
  }
  EXPECT_GT(num_flips, 100);
}

TEST_F(Shard, AFlippedBitInTheIndexIsFound) {
  const auto bytes = read_file(path());
  const auto index = h5::File::open(path()).read<std::uint64_t>("index/image");
  const std::string needle(reinterpret_cast<const char*>(index.data()), index.size() * sizeof(std::uint64_t));
  const std::size_t at = bytes.find(needle);
  ASSERT_NE(at, std::string::npos);
  for (std::size_t byte = 0; byte < 24; ++byte) {
    std::string damaged = bytes;
    damaged[at + byte] ^= 0x04;
    test::write_text(scratch_ / "damaged.h5", damaged);
    const bool refused = opening_error(scratch_ / "damaged.h5") != "";
    EXPECT_TRUE(refused || ShardReader::open(scratch_ / "damaged.h5").damaged_slices().size() == 1) << byte;
  }
}

TEST_F(Shard, ATruncatedFileIsRefusedAtEveryLength) {
  const std::string whole = read_file(path());
  for (std::size_t length = 0; length < whole.size(); length += 97) {
    test::write_text(scratch_ / "cut.h5", whole.substr(0, length));
    EXPECT_NE(opening_error(scratch_ / "cut.h5"), "") << length;
  }
}

TEST_F(Shard, ForeignAndMissingFilesAreRefusedWithTheReason) {
  test::write_text(scratch_ / "text.h5", "hello");
  EXPECT_THAT(opening_error(scratch_ / "text.h5"), HasSubstr("is not an HDF5 file"));
  auto foreign = h5::File::create_in_memory();
  foreign.write<float>("data", {2}, std::vector<float>{1, 2});
  const auto bytes = foreign.image();
  test::write_text(scratch_ / "foreign.h5",
                   std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  EXPECT_THAT(opening_error(scratch_ / "foreign.h5"), HasSubstr("is an HDF5 file but not a Gyrus shard"));
  EXPECT_THAT(opening_error(scratch_ / "none.h5"), HasSubstr("does not exist"));
}

TEST_F(Shard, AnotherFormatVersionIsRefusedWithBothVersions) {
  auto file = h5::File::create_in_memory();
  file.write_attribute("/", shard_format::format_attribute, shard_format::name);
  file.write_attribute("/", shard_format::version_attribute, 7);
  const auto bytes = file.image();
  test::write_text(scratch_ / "new.h5",
                   std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  EXPECT_THAT(opening_error(scratch_ / "new.h5"),
              HasSubstr("has shard format version 7, this program reads version 1"));
}

TEST_F(Shard, AReadOnlyPlaceIsADataErrorAndLeavesNothing) {
  ShardWriter writer(1, 3, 8, 6);
  writer.add(made_volume("sub-1", 0.0f));
  const auto text = error_of<DataError>([&] { writer.write("/proc/gyrus/shard.h5"); });
  EXPECT_THAT(text, StartsWith("cannot write /proc/gyrus/shard.h5"));
}

TEST_F(Shard, AFullDiskIsADataErrorAndLeavesNothing) {
  ShardWriter writer(1, 3, 8, 6);
  writer.add(made_volume("sub-1", 0.0f));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tiny{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &tiny);
  const auto text = error_of<DataError>([&] { writer.write(scratch_ / "big.h5"); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(text, HasSubstr("cannot write"));
  EXPECT_THAT(text, HasSubstr("File too large"));
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(scratch_.path())) ++files;
  EXPECT_EQ(files, 1);  // the fixture's own shard
}

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
  test::write_text(root() / "manifest.json", "{\"a\": 1}");
  EXPECT_THAT(opening_error(), HasSubstr("is not the manifest of a Gyrus data set"));
  test::write_text(root() / "manifest.json", "{\"format\": \"gyrus-dataset\", \"version\": 9}");
  EXPECT_THAT(opening_error(), HasSubstr("has format version 9, this program reads version 1"));
  test::write_text(root() / "manifest.json", "{\"format\": \"gyrus-dataset\", \"version\": 1}");
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
