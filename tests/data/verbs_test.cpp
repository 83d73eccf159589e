// The verbs' output, and the shipped data configurations bound to their structs.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "data/dataset.hpp"
#include "data/shard/h5.hpp"
#include "data/shards_verb.hpp"
#include "launch/config/config.hpp"
#include "launch/files.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

using testing::HasSubstr;

class ShardsVerb : public test::Prepared {
 protected:
  /// Exit code and what was printed.
  std::pair<int, std::string> run(const std::vector<std::string>& arguments) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = shards_verb(arguments);
    printed_errors_ = testing::internal::GetCapturedStderr();
    return {code, testing::internal::GetCapturedStdout()};
  }
  std::string printed_errors_;
};

TEST_F(ShardsVerb, ListsEveryShardWithItsSet) {
  const auto [code, text] = run({"ls", root().string()});
  EXPECT_EQ(code, 0);
  EXPECT_THAT(text, HasSubstr("train-00002.h5"));
  const auto json = nlohmann::json::parse(run({"ls", root().string(), "--json"}).second);
  EXPECT_EQ(json.size(), 5u);
  EXPECT_EQ(json[0]["volumes"], 3);
}

TEST_F(ShardsVerb, SumsUpTheSets) {
  const auto json = nlohmann::json::parse(run({"stat", root().string(), "--json"}).second);
  EXPECT_EQ(json["sets"][0]["set"], "train");
  EXPECT_EQ(json["sets"][0]["slices"], 35);
  EXPECT_EQ(json["sets"][1]["lesion_volumes"], 2);
  EXPECT_EQ(json["preparation"]["image_size"], "[20, 18, 5]");
  EXPECT_THAT(run({"stat", root().string()}).second, HasSubstr("image_size = [20, 18, 5]"));
}

TEST_F(ShardsVerb, VerifyAcceptsAWholeSetAndNamesADamagedSlice) {
  EXPECT_EQ(run({"verify", root().string()}).first, 0);
  const auto path = root() / "val-00000.h5";
  const auto index = h5::File::open(path).read<std::uint64_t>("index/lesion");
  std::string bytes = read_file(path);
  bytes[index[3 * 6] + 3] ^= 0x20;
  test::write_text(path, bytes);
  const auto [code, text] = run({"verify", root().string(), "--json"});
  EXPECT_EQ(code, 3);
  const auto json = nlohmann::json::parse(text);
  EXPECT_FALSE(json["valid"]);
  ASSERT_EQ(json["problems"].size(), 1u);
  EXPECT_THAT(json["problems"][0].get<std::string>(),
              HasSubstr("lesion of subject phantom-val-0001, slice 1 is damaged"));
  EXPECT_EQ(run({"verify", path.string()}).first, 3);  // one shard alone
}

TEST_F(ShardsVerb, VerifyFindsAFlippedBitAnywhereInAFile) {
  const auto path = root() / "test-00000.h5";
  const std::string whole = read_file(path);
  for (std::size_t byte = 0; byte < whole.size(); byte += whole.size() / 50) {
    std::string bytes = whole;
    bytes[byte] ^= 0x01;
    test::write_text(path, bytes);
    EXPECT_EQ(run({"verify", root().string(), "--json"}).first, 3) << byte;
  }
}

TEST_F(ShardsVerb, AnUnknownActionIsAConfigurationError) {
  EXPECT_THROW(shards_verb({"repack", root().string()}), ConfigError);
}

DataOptions shipped(const std::string& name) {
  DataOptions options;
  const std::filesystem::path folder = std::filesystem::path(GYRUS_SOURCE_DIR) / "configs";
  test::Scratch scratch;
  test::write_text(scratch / "data_test.yaml", "defaults:\n  - data: " + name + "\n");
  Config::compose({.config_folder = folder,
                   .extra_folders = {scratch.path()},
                   .config_name = "data_test",
                   .overrides = {}})
      .bind("data", options);
  options.validate();
  return options;
}

TEST(DataConfigs, ThePhantomIsTheOneOfTheQuickstart) {
  const auto options = shipped("phantom");
  EXPECT_EQ(options.kind, "phantom");
  EXPECT_EQ(options.image_size, (std::vector<std::int64_t>{48, 48, 16}));
  EXPECT_EQ(options.phantom.train_subjects, 96);
  EXPECT_TRUE(options.root.ends_with("/phantom-48")) << options.root;
}

TEST(DataConfigs, TheFourMillimetreVariantDiffersInResolutionOnly) {
  const auto full = shipped("ixi_shared"), coarse = shipped("ixi_shared_4mm");
  EXPECT_EQ(full.image_size, (std::vector<std::int64_t>{96, 96, 50}));
  EXPECT_EQ(coarse.image_size, (std::vector<std::int64_t>{48, 48, 25}));
  EXPECT_EQ(coarse.downsample, 2);
  EXPECT_EQ(coarse.sources, full.sources);
  EXPECT_EQ(coarse.source.at("synthetic").set, "synthetic_{split}");
  EXPECT_NE(coarse.root, full.root);
}

}  // namespace
}  // namespace gyrus
