// `gyrus shards repack`: equal slices in other shards, and nothing of what is damaged.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "data/dataset.hpp"
#include "data/shard/description.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/repack.hpp"
#include "data/shard/writer.hpp"
#include "launch/files.hpp"
#include "launch/owned_lock.hpp"
#include "tests/data/shards_verb.hpp"

namespace gyrus {
namespace {

using test::flip;
using test::ShardsVerb;
using testing::HasSubstr;

void expect_equal(const std::filesystem::path& a, const std::filesystem::path& b, double tolerance) {
  const auto first = Dataset::open(a), second = Dataset::open(b);
  ASSERT_EQ(first.sets(), second.sets());
  for (const auto& set : first.sets()) {
    ASSERT_EQ(first.volumes(set).size(), second.volumes(set).size());
    for (std::size_t i = 0; i < first.volumes(set).size(); ++i) {
      const auto one = first.read_volume(set, static_cast<std::int64_t>(i)),
                 other = second.read_volume(set, static_cast<std::int64_t>(i));
      EXPECT_EQ(one.id, other.id);
      EXPECT_EQ(one.mask, other.mask);
      EXPECT_EQ(one.lesion, other.lesion);
      for (std::size_t v = 0; v < one.image.size(); ++v)
        ASSERT_LE(std::abs(one.image[v] - other.image[v]), tolerance);
    }
  }
}

TEST_F(ShardsVerb, RepackKeepsEverySliceInEveryCodec) {
  for (const std::string codec : codec_names) {
    const auto target = scratch() / ("new-" + codec);
    const auto [code, text] = run({"repack", root().string(), target.string(), "--codec", codec});
    EXPECT_EQ(code, 0);
    EXPECT_THAT(text, HasSubstr(", " + codec + ","));
    expect_equal(root(), target, 0.0);
    EXPECT_NO_THROW(Dataset::open(target));
    EXPECT_EQ(run({"verify", target.string()}).first, 0);
    auto there = options();
    there.root = target.string();
    there.codec = codec;
    EXPECT_FALSE(prepare_dataset(there, test::world()));  // it knows them as its own
  }
  const auto target = scratch() / "quantised";
  run({"repack", root().string(), target.string(), "--codec", "lz4", "--quantise", "uint16",
       "--shard-volumes", "2"});
  expect_equal(root(), target, 1e-5);
  EXPECT_EQ(Manifest::read(target).shards.size(), 6u);
  EXPECT_THAT(run({"ls", target.string()}).second, HasSubstr("lz4, uint16"));
  EXPECT_EQ(Manifest::read(target).preparation.at("quantise"), "uint16");
}

TEST_F(ShardsVerb, RepackRefusesAFullTargetAndADamagedSource) {
  EXPECT_THAT(test::error_of<DataError>([&] {
                shards_verb({"repack", root().string(), root().string()});
              }),
              HasSubstr("is not empty: name a new folder"));
  const auto refusal = [&] {
    return test::error_of<DataError>([&] {
      shards_verb({"repack", root().string(), (scratch() / "new").string()});
    });
  };
  flip(root() / "train-00000.h5", "phantom-train-0001");  // no slice: it would be sound in the copy
  EXPECT_EQ(refusal(),
            (root() / "train-00000.h5").string() +
                ": is damaged outside its slices; what is damaged is not repacked: `gyrus shards verify " +
                root().string() + "` names all of it");
  std::filesystem::remove(root() / "train-00000.h5");
  prepare_dataset(options(), test::world());
  std::filesystem::resize_file(root() / "val-00000.h5", 3000);
  EXPECT_THAT(refusal(), HasSubstr("val-00000.h5: has 3000 bytes"));
  EXPECT_FALSE(std::filesystem::exists(scratch() / "new"));
}

TEST_F(ShardsVerb, AFailedRepackLeavesNothingThatHindersTheNext) {
  std::filesystem::create_directories(root() / "exclusions.csv");  // cannot be read
  const auto target = scratch() / "new";
  EXPECT_THAT(test::error_of<DataError>([&] {
                shards_verb({"repack", root().string(), target.string()});
              }),
              HasSubstr("cannot read"));
  std::filesystem::remove(root() / "exclusions.csv");
  auto volume = Dataset::open(root()).read_volume("train", 0);
  volume.set = "val";
  for (float& value : volume.image) value += 3.0f;  // outside of what uint16 keeps
  ShardWriter writer({.preparation = options().preparation()});
  writer.add(writer.encode(volume));
  auto manifest = Manifest::read(root());
  manifest.shards.push_back(writer.write(root() / "val-00001.h5"));
  manifest.write(root());
  EXPECT_THAT(test::error_of<DataError>([&] {
                shards_verb({"repack", root().string(), target.string(), "--quantise", "uint16"});
              }),
              HasSubstr("data.quantise=uint16 keeps 0 to 1"));
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(target))
    left.push_back(entry.path().filename());
  EXPECT_EQ(left, std::vector<std::string>{"prepare.lock"});
  EXPECT_EQ(run({"repack", root().string(), target.string()}).first, 0);
}

TEST_F(ShardsVerb, RepackWaitsForNoOtherJobInItsTarget) {
  const auto target = scratch() / "new";
  std::filesystem::create_directories(target);
  const OwnedLock other(target / "prepare.lock");
  ASSERT_TRUE(other.is_ours());
  EXPECT_THAT(test::error_of<DataError>([&] {
                shards_verb({"repack", root().string(), target.string()});
              }),
              HasSubstr("another job writes shards in " + target.string() + ": host "));
}

TEST_F(ShardsVerb, RepackNeedsNoDescriptorPerShard) {
  auto many = options();
  many.root = (scratch() / "many").string();
  many.shard_volumes = 1;
  prepare_dataset(many, test::world());
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(next);
  const rlimit few{.rlim_cur = static_cast<rlim_t>(next) + 6, .rlim_max = before.rlim_max};  // of 10 shards
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const auto text = test::error_of<DataError>(
      [&] { repack(many.root, scratch() / "new", {.shard_volumes = 10, .num_threads = 2}); });
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(text, "");
  EXPECT_EQ(Manifest::read(scratch() / "new").shards.size(), 3u);
}

TEST_F(ShardsVerb, RepackRefusesFloatsOfAQuantisedSource) {
  const auto quantised = scratch() / "quantised", target = scratch() / "new";
  run({"repack", root().string(), quantised.string(), "--quantise", "uint16"});
  EXPECT_THAT(
      test::error_of<ConfigError>([&] {
        shards_verb({"repack", quantised.string(), target.string(), "--quantise", "none"});
      }),
      testing::AllOf(HasSubstr("--quantise none: "), HasSubstr("leave the option out to keep them so")));
  EXPECT_THAT(run({"repack", quantised.string(), target.string()}).second, HasSubstr("deflate, uint16, in"));
  EXPECT_EQ(nlohmann::json::parse(run({"ls", target.string(), "--json"}).second)[0]["quantise"], "uint16");
}

TEST_F(ShardsVerb, RepackKeepsSites) {
  DataOptions options = this->options();
  ShardWriter writer({.preparation = options.preparation()});
  auto volume = Dataset::open(root()).read_volume("val", 0);
  volume.site = "Guys";
  writer.add(writer.encode(volume));
  Manifest manifest;
  manifest.name = "one";
  manifest.preparation = options.preparation();
  manifest.shards = {writer.write(scratch() / "val-00000.h5")};
  manifest.write(scratch().path());
  run({"repack", scratch().path().string(), (scratch() / "new").string()});
  EXPECT_EQ(Manifest::read(scratch() / "new").shards.at(0).volumes.at(0).site, "Guys");
  EXPECT_EQ(ShardDescription::of_file(scratch() / "new" / "val-00000.h5").volumes.at(0).site, "Guys");
}

}  // namespace
}  // namespace gyrus
