#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <hdf5.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <csignal>

#include "data/shard/description.hpp"
#include "data/shard/format.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/reader.hpp"
#include "data/shard/shard_cache.hpp"
#include "data/shard/verify.hpp"
#include "data/shard/writer.hpp"
#include "data/storage/h5.hpp"
#include "launch/files.hpp"
#include "tests/data/support.hpp"

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
                .site = "Guys",
                .label = 0,
                .spacing = {1, 1, 1}};
  for (int i = 0; i < 3 * 8 * 6; ++i) {
    volume.image.push_back(offset + 0.37f * static_cast<float>(i % 11));
    volume.mask.push_back(i % 3 != 0);
    volume.lesion.push_back(i % 7 == 0);
  }
  return volume;
}

ManifestShard write_shard(const std::filesystem::path& path, const ShardSettings& settings = {}) {
  ShardWriter writer(settings);
  writer.add(writer.encode(made_volume("sub-1", 0.0f)));
  writer.add(writer.encode(made_volume("sub-2", 5.0f)));
  return writer.write(path);
}

/// What `shards verify` finds in a shard without its manifest.
std::vector<std::string> problems_of(const std::filesystem::path& path) {
  const auto problems = verify_file(path);
  auto messages = problems.others;
  for (const auto& slice : problems.slices) messages.push_back(slice.message());
  return messages;
}

/// A shard of two volumes.
class Shard : public testing::Test {
 protected:
  void SetUp() override { summary_ = write_shard(path()); }
  std::filesystem::path path() const { return scratch_ / "train-00000.h5"; }
  std::string opening_error(const std::filesystem::path& file) const {
    return error_of<DataError>([&] { ShardReader::open(file); });
  }

  Scratch scratch_;
  ManifestShard summary_;
};

TEST_F(Shard, EveryCodecReturnsWhatWasWritten) {
  for (const char* codec : codec_names) {
    write_shard(path(), {.codec = codec_named(codec)});
    const auto reader = ShardReader::open(path());
    EXPECT_EQ(reader.layout().num_volumes, 2);
    EXPECT_EQ(codec_name(reader.layout().codec), codec);
    const auto expected = made_volume("sub-2", 5.0f);
    std::vector<float> image(48);
    std::vector<std::uint8_t> labels(48);
    for (int slice = 0; slice < 3; ++slice) {
      EXPECT_FALSE(reader.read_image(3 + slice, image.data()));
      EXPECT_TRUE(std::equal(image.begin(), image.end(), expected.image.begin() + 48 * slice)) << codec;
      EXPECT_FALSE(reader.read_labels(ShardReader::Array::mask, 3 + slice, labels.data()));
      EXPECT_TRUE(std::equal(labels.begin(), labels.end(), expected.mask.begin() + 48 * slice)) << codec;
      EXPECT_FALSE(reader.read_labels(ShardReader::Array::lesion, 3 + slice, labels.data()));
      EXPECT_TRUE(std::equal(labels.begin(), labels.end(), expected.lesion.begin() + 48 * slice)) << codec;
    }
  }
}

TEST_F(Shard, EveryCodecIsPlainHdf5ThatTheLibraryReads) {
  for (const char* codec : codec_names) {
    write_shard(path(), {.codec = codec_named(codec)});
    const auto file = h5::File::open(path());
    EXPECT_EQ(file.shape("image"), (std::vector<std::int64_t>{6, 8, 6}));
    const auto values = file.read<float>("image");
    const auto expected = made_volume("sub-2", 5.0f);
    EXPECT_TRUE(std::equal(expected.image.begin(), expected.image.end(), values.begin() + 3 * 48)) << codec;
    EXPECT_EQ(file.read<std::uint8_t>("mask").at(1), 1);
  }
}

TEST_F(Shard, QuantisedIntensitiesStayWithinTheRecordedError) {
  for (const auto& quantisation : {Quantisation::unit_range(), Quantisation::wide_range()}) {
    ShardWriter writer({.codec = Codec::lz4, .quantisation = quantisation});
    auto volume = made_volume("sub-1", 0.0f);
    for (std::size_t i = 0; i < volume.image.size(); ++i)
      volume.image[i] = static_cast<float>(i) / static_cast<float>(volume.image.size() - 1);
    const auto expected = volume.image;
    writer.add(writer.encode(std::move(volume)));
    writer.write(path());
    const auto recorded = h5::File::open(path()).attribute<double>("image", "quantisation_error");
    EXPECT_LT(recorded, 1.6e-5);
    const auto reader = ShardReader::open(path());
    ASSERT_EQ(reader.layout().quantisation, quantisation);
    std::vector<float> image(48);
    double largest = 0.0;
    for (int slice = 0; slice < 3; ++slice) {
      EXPECT_FALSE(reader.read_image(slice, image.data()));
      for (int i = 0; i < 48; ++i)
        largest = std::max(largest, std::abs(static_cast<double>(image[i]) - expected[48 * slice + i]));
    }
    EXPECT_LE(largest, recorded);
    EXPECT_GT(largest, 0.1 * recorded);  // the bound is not a wide guess
    EXPECT_FALSE(reader.read_image(0, image.data()));
    EXPECT_EQ(image[0], 0.0f);  // background stays background
  }
}

TEST_F(Shard, AnIntensityThatCannotBeQuantisedIsRefused) {
  const ShardWriter writer({.codec = Codec::lz4, .quantisation = Quantisation::unit_range()});
  EXPECT_THAT(error_of<DataError>([&] { writer.encode(made_volume("sub-2", 5.0f)); }),
              HasSubstr("sub-2-scan has the intensity 5, and data.quantise=uint16 keeps 0 to 1; set "
                        "data.quantise=none"));
}

TEST_F(Shard, DescribesItself) {
  auto volume = made_volume("sub-1", 0.0f);
  volume.provenance =
      Provenance{{{{-2, 0, 0, 90}, {0, -2, 0, 60}, {0, 0, 2, -40}}}, {{"image", "a b.nii xxh3:12"}}};
  ShardWriter writer(
      {.preparation = {{"clip", "true"}}, .recipe = "abc", .skipped = {{"sub-7", "has no \"brain\""}}});
  writer.add(writer.encode(volume));
  writer.write(path());
  const auto description = ShardDescription::of_file(path());
  ASSERT_EQ(description.volumes.size(), 1u);
  EXPECT_EQ(description.set, "train");
  EXPECT_EQ(description.volumes[0].id, "sub-1-scan");
  EXPECT_EQ(description.volumes[0].age, 40.0);
  EXPECT_EQ(description.volumes[0].site, "Guys");
  EXPECT_EQ(description.volumes[0].brain_voxels, std::count(volume.mask.begin(), volume.mask.end(), 1));
  EXPECT_EQ(description.volumes[0].lesion_voxels, std::count(volume.lesion.begin(), volume.lesion.end(), 1));
  EXPECT_EQ(description.provenances[0].affine, volume.provenance->affine);
  EXPECT_EQ(description.provenances[0].sources, volume.provenance->sources);
  EXPECT_EQ(description.recipe, "abc");
  EXPECT_EQ(description.preparation.at("clip"), "true");
  ASSERT_EQ(description.skipped.size(), 1u);
  EXPECT_EQ(description.skipped[0].reason, "has no \"brain\"");
}

TEST_F(Shard, WithoutATableOfSitesKnowsNone) {
  write_shard(path());
  std::string bytes = read_file(path());
  const auto name = bytes.find(std::string("\0site\0", 6));  // among the names of the group's links
  ASSERT_NE(name, std::string::npos);
  bytes[name + 4] = 'f';
  test::write_text(path(), bytes);
  const auto description = ShardDescription::of_file(path());
  ASSERT_FALSE(description.volumes.empty());
  EXPECT_EQ(description.volumes[0].site, "");
  EXPECT_EQ(description.volumes[0].age, 40.0);
}

TEST_F(Shard, EqualContentGivesEqualFiles) {
  const auto again = write_shard(scratch_ / "again.h5");
  EXPECT_EQ(again.digest, summary_.digest);
  EXPECT_EQ(again.bytes, std::filesystem::file_size(path()));
}

TEST_F(Shard, TheWritersLayoutIsTheFilesOwn) {
  const auto of_file = ShardLayout::of_file(path());
  for (int table = 0; table < shard_format::num_tables; ++table) {
    EXPECT_EQ(of_file.tables[table].offset, summary_.layout.tables[table].offset);
    EXPECT_EQ(of_file.tables[table].digest, summary_.layout.tables[table].digest);
  }
}

TEST_F(Shard, AShardThatIsReplacedByAnotherSoundOneIsRefused) {
  ShardWriter writer({});
  writer.add(writer.encode(made_volume("sub-1", 1.0f)));
  writer.add(writer.encode(made_volume("sub-2", 5.0f)));
  const auto other = writer.write(scratch_ / "other.h5");
  std::filesystem::rename(scratch_ / "other.h5", path());
  EXPECT_THAT(error_of<DataError>([&] { ShardReader(path(), summary_.layout); }),
              HasSubstr("index/image: it is not the one that the manifest lists"));
  EXPECT_NO_THROW(ShardReader(path(), other.layout));
}

TEST_F(Shard, OfATruncatedFileTheLostSlicesAreNamed) {
  const std::string whole = read_file(path());
  const auto volumes = ShardDescription::of_file(path()).volumes;
  const auto index = h5::File::open(path()).read<std::uint64_t>("index/mask");
  test::write_text(path(), whole.substr(0, index[3 * 4] + 1));  // inside the mask of slice 4
  const ManifestShard entry{.file = path().filename().string(),
                            .set = "train",
                            .bytes = summary_.bytes,
                            .digest = summary_.digest,
                            .layout = summary_.layout,
                            .volumes = volumes,
                            .skipped = {}};
  const auto problems = verify_shard(scratch_.path(), entry);
  ASSERT_EQ(problems.others.size(), 1u);
  EXPECT_THAT(problems.others[0], HasSubstr("the manifest says"));
  ASSERT_FALSE(problems.slices.empty());
  EXPECT_EQ(problems.slices.front().message(), path().string() +
                                                   ": image of subject sub-2, slice 2 is damaged: the file "
                                                   "ends before it");
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
        const auto problems = problems_of(scratch_ / "damaged.h5");
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
    EXPECT_EQ(problems_of(scratch_ / "damaged.h5").size(), 1u) << byte;
    EXPECT_THAT(error_of<DataError>([&] { ShardReader(scratch_ / "damaged.h5", summary_.layout); }),
                HasSubstr("it is not the one that the manifest lists"));
  }
}

TEST_F(Shard, ATruncatedFileIsRefusedAtEveryLength) {
  const std::string whole = read_file(path());
  for (std::size_t length = 0; length < whole.size(); length += 97) {
    test::write_text(scratch_ / "cut.h5", whole.substr(0, length));
    EXPECT_NE(opening_error(scratch_ / "cut.h5"), "") << length;
  }
}

/// A fresh process, as HDF5 asks its environment once.
TEST_F(Shard, AFileThatAnotherProgramHasLockedIsNamedAsSuch) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  ::setenv("HDF5_USE_FILE_LOCKING", "TRUE", 1);
  EXPECT_EXIT(
      {
        const FileDescriptor other(::open(path().c_str(), O_RDWR | O_CLOEXEC));
        if (::flock(other.get(), LOCK_EX) != 0) std::exit(2);
        std::fputs(opening_error(path()).c_str(), stderr);
        std::exit(0);
      },
      testing::ExitedWithCode(0), "another program may have it locked, and HDF5_USE_FILE_LOCKING is TRUE");
  ::unsetenv("HDF5_USE_FILE_LOCKING");
}

TEST_F(Shard, WithoutADescriptorLeftTheSystemsReasonIsNamed) {
  const auto shard = path();
  ASSERT_EQ(opening_error(shard), "");
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(next);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const auto text = opening_error(shard);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(text, shard.string() + " cannot be read: Too many open files");
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
  file.write_attribute("/", shard_format::version_attribute, std::int64_t{7});
  const auto bytes = file.image();
  test::write_text(scratch_ / "new.h5",
                   std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  EXPECT_THAT(opening_error(scratch_ / "new.h5"),
              HasSubstr("has shard format version 7, this program reads version 2"));
}

TEST_F(Shard, AReadOnlyPlaceIsADataErrorAndLeavesNothing) {
  ShardWriter writer({});
  writer.add(writer.encode(made_volume("sub-1", 0.0f)));
  const auto text = error_of<DataError>([&] { writer.write("/proc/gyrus/shard.h5"); });
  EXPECT_THAT(text, StartsWith("cannot write /proc/gyrus/shard.h5"));
}

TEST_F(Shard, AFullDiskIsADataErrorAndLeavesNothing) {
  ShardWriter writer({});
  writer.add(writer.encode(made_volume("sub-1", 0.0f)));
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

TEST_F(Shard, ABoundedNumberStaysOpen) {
  std::vector<ShardCache::Shard> shards;
  for (int i = 0; i < 6; ++i) {
    const auto file = scratch_ / fmt::format("{}.h5", i);
    shards.push_back({file, write_shard(file).layout});
  }
  const std::uint64_t shard_bytes = ShardReader(shards[0].path, shards[0].layout).memory_bytes();
  ShardCache by_count(shards, std::uint64_t{1} << 30, 2);
  ShardCache by_bytes(shards, 3 * shard_bytes, 100);
  ShardCache tiny(shards, 1, 100);
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < 6; ++i) {
      by_count.get(i);
      by_bytes.get(i);
      EXPECT_EQ(tiny.get(i)->path(), shards[i].path);
    }
  }
  EXPECT_EQ(by_count.num_open(), 2u);
  EXPECT_EQ(by_bytes.num_open(), 3u);
  EXPECT_EQ(tiny.num_open(), 1u);
  const auto held = by_count.get(0);
  EXPECT_EQ(by_count.get(0), held);  // not opened again
  const auto moved = scratch_ / "moved.h5";
  std::filesystem::copy_file(shards[0].path, moved);
  EXPECT_EQ(by_count.move_to(0, moved), shards[0].path);
  EXPECT_EQ(by_count.get(0)->path(), moved);
  std::vector<float> image(48);
  EXPECT_FALSE(held->read_image(0, image.data()));  // still usable by who holds it
}

}  // namespace
}  // namespace gyrus
