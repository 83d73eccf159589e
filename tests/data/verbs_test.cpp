// The verbs' output, and the shipped data configurations bound to their structs.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <random>

#include "data/dataset.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/verify.hpp"
#include "data/source/cohort.hpp"
#include "data/storage/h5.hpp"
#include "launch/config/config.hpp"
#include "launch/files.hpp"
#include "tests/data/shards_verb.hpp"

namespace gyrus {
namespace {

using test::flip;
using test::ShardsVerb;
using testing::HasSubstr;

TEST_F(ShardsVerb, ListsEveryShardWithItsSet) {
  const auto [code, text] = run({"ls", root().string()});
  EXPECT_EQ(code, 0);
  EXPECT_THAT(text, HasSubstr("train-00002.h5"));
  const auto json = nlohmann::json::parse(run({"ls", root().string(), "--json"}).second);
  EXPECT_EQ(json.size(), 5u);
  EXPECT_EQ(json[0]["volumes"], 3);
  EXPECT_EQ(json[0]["quantise"], "none");
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
  std::filesystem::copy_file(path, scratch() / "alone.h5");
  const auto alone =
      nlohmann::json::parse(run({"verify", (scratch() / "alone.h5").string(), "--json"}).second);
  EXPECT_EQ(alone["problems"].size(), 1u);
  EXPECT_TRUE(alone["advice"].empty());  // nothing is known of its folder
  EXPECT_EQ(test::error_of<DataError>([&] {
              shards_verb({"verify", (root() / "no").string()});
            }),
            (root() / "no").string() + " does not exist");
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

/// The bytes of one number or text, which a digest of slices does not cover.
TEST_F(ShardsVerb, VerifyOfOneShardAsksTheManifestBesideIt) {
  const auto shard = root() / "train-00000.h5";
  EXPECT_EQ(run({"verify", shard.string()}).second, shard.string() + ": 1 shard, no damage\n");
  flip(shard, "phantom-train-0001");  // volumes/id
  const auto [code, text] = run({"verify", shard.string()});
  EXPECT_EQ(code, 3);
  EXPECT_THAT(text, HasSubstr("train-00000.h5: 1 shard, 1 problem\n"));
  EXPECT_THAT(text,
              HasSubstr("missing, or damaged outside slices: delete what is there of train-00000.h5 and run "
                        "`gyrus prepare`"));
  std::filesystem::copy_file(shard, scratch() / "alone.h5");
  EXPECT_THAT(
      run({"verify", (scratch() / "alone.h5").string()}).second,
      HasSubstr("1 shard, no damage; no manifest lists it, so only its slices and their index were checked"));
  test::write_text(scratch() / "manifest.json", "{}");
  EXPECT_EQ(run({"verify", (scratch() / "alone.h5").string()}).first, 0);
  EXPECT_THAT(printed_errors_, HasSubstr("is not the manifest of a Gyrus data set; " +
                                         (scratch() / "alone.h5").string() + " is looked at without it"));
  std::filesystem::copy_file(shard, root() / "unlisted.h5");
  EXPECT_FALSE(nlohmann::json::parse(
      run({"verify", (root() / "unlisted.h5").string(), "--json"}).second)["every_byte"]);
}

TEST_F(ShardsVerb, VerifyAdvisesWhatMendsTheDamage) {
  const auto path = root() / "val-00000.h5";
  const auto index = h5::File::open(path).read<std::uint64_t>("index/image");
  std::string bytes = read_file(path);
  bytes[index[0] + 3] ^= 0x20;
  test::write_text(path, bytes);
  flip(root() / "train-00001.h5", "phantom-train-0004");
  EXPECT_THAT(run({"verify", root().string()}).second,
              testing::AllOf(
                  HasSubstr("damaged slices: `gyrus shards quarantine " + root().string() + "` lists them"),
                  HasSubstr("delete what is there of train-00001.h5 and")));
  run({"quarantine", root().string()});  // the advice, followed
  std::filesystem::remove(root() / "train-00001.h5");
  EXPECT_TRUE(prepare_dataset(options(), test::world()));
  EXPECT_EQ(run({"verify", root().string()}).second, root().string() + ": 5 shards, no damage\n");
}

TEST_F(ShardsVerb, APathThatIsNotUtf8IsPrintedAsJson) {
  const auto folder = scratch() / "caf\xe9";
  std::filesystem::rename(root(), folder);
  std::filesystem::remove(folder / "test-00000.h5");
  const auto [code, text] = run({"verify", folder.string(), "--json"});
  EXPECT_EQ(code, 3);
  EXPECT_THAT(nlohmann::json::parse(text)["path"].get<std::string>(), testing::EndsWith("caf\xef\xbf\xbd"));
}

TEST_F(ShardsVerb, FilesOfAnotherProgramAreSentToRepack) {
  auto file = h5::File::create_in_memory();
  file.write<float>("image", {2, 2, 2}, std::vector<float>(8, 1.0f));
  const auto bytes = file.image();
  const auto folder = (scratch() / "foreign").string();
  std::filesystem::create_directories(folder);
  test::write_text(folder + "/train.h5", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  for (const char* action : {"ls", "stat", "verify", "quarantine"})
    EXPECT_EQ(test::error_of<DataError>([&] {
                shards_verb({action, folder});
              }),
              folder + " has HDF5 files of another program: make shards of them with `gyrus shards repack " +
                  folder + " NEW`");
}

TEST_F(ShardsVerb, VerifyFindsTwoHundredRandomFlips) {
  const auto manifest = Manifest::read(root());
  std::mt19937_64 random(7);
  for (int i = 0; i < 200; ++i) {
    const auto path = root() / manifest.shards[random() % manifest.shards.size()].file;
    const std::string whole = read_file(path);
    std::string bytes = whole;
    const std::size_t byte = random() % bytes.size();
    bytes[byte] ^= static_cast<char>(1 << (random() % 8));
    test::write_text(path, bytes);
    ASSERT_EQ(run({"verify", root().string(), "--json"}).first, 3) << path << " byte " << byte;
    test::write_text(path, whole);
  }
  EXPECT_EQ(run({"verify", root().string()}).first, 0);
}

TEST_F(ShardsVerb, VerifyReportsInTheOrderOfShardsForAnyNumberOfThreads) {
  const auto manifest = Manifest::read(root());
  ASSERT_EQ(manifest.shards.size(), 5u);
  for (const std::size_t damaged : {0, 2, 3}) {  // a slice, the whole shard, two slices
    const auto path = root() / manifest.shards[damaged].file;
    const auto index = h5::File::open(path).read<std::uint64_t>("index/mask");
    std::string bytes = read_file(path);
    bytes[index[0] + 3] ^= 0x20;
    if (damaged == 3) bytes[index[3 * 4] + 3] ^= 0x20;
    if (damaged == 2) bytes.resize(1000);
    test::write_text(path, bytes);
  }
  const auto messages = [&](std::size_t threads) {
    std::vector<std::string> all;
    for (const auto& problems : verify_shards(root(), manifest.shards, threads)) {
      for (const auto& slice : problems.slices) all.push_back(slice.message());
      all.insert(all.end(), problems.others.begin(), problems.others.end());
    }
    return all;
  };
  using testing::AllOf;
  EXPECT_THAT(messages(1),
              testing::ElementsAre(AllOf(HasSubstr(manifest.shards[0].file), HasSubstr("slice 0")),
                                   AllOf(HasSubstr(manifest.shards[2].file), HasSubstr("has 1000 bytes")),
                                   HasSubstr(manifest.shards[2].file),
                                   AllOf(HasSubstr(manifest.shards[3].file), HasSubstr("slice 0")),
                                   AllOf(HasSubstr(manifest.shards[3].file), HasSubstr("slice 4"))));
  for (const std::size_t threads : {2, 3, 8}) EXPECT_EQ(messages(threads), messages(1)) << threads;
}

TEST_F(ShardsVerb, VerifyNamesMissingAndTruncatedShards) {
  const auto path = root() / "val-00000.h5";
  const auto index = h5::File::open(path).read<std::uint64_t>("index/image");
  test::write_text(path, read_file(path).substr(0, index[3 * 8]));
  std::filesystem::remove(root() / "test-00000.h5");
  const auto [code, text] = run({"verify", root().string(), "--json"});
  EXPECT_EQ(code, 3);
  EXPECT_THAT(text, HasSubstr("val-00000.h5: has"));
  EXPECT_THAT(text,
              HasSubstr("image of subject phantom-val-0001, slice 3 is damaged: the file ends before it"));
  EXPECT_THAT(text, HasSubstr("cannot read " + (root() / "test-00000.h5").string()));
}

/// Every slice of two data sets.
TEST_F(ShardsVerb, QuarantineListsWhatCannotBeRead) {
  EXPECT_THAT(run({"quarantine", root().string()}).second, HasSubstr("0 slices are in quarantine"));
  EXPECT_FALSE(std::filesystem::exists(root() / "quarantine.json"));
  const auto path = root() / "train-00000.h5";
  const auto index = h5::File::open(path).read<std::uint64_t>("index/mask");
  std::string bytes = read_file(path);
  bytes[index[3 * 6] + 3] ^= 0x20;
  test::write_text(path, bytes);
  const auto [code, text] = run({"quarantine", root().string()});
  EXPECT_EQ(code, 0);
  EXPECT_THAT(text, HasSubstr("train-00000.h5: subject phantom-train-0001, slice 1: its digest is wrong"));
  EXPECT_THAT(text, HasSubstr("1 slice is in quarantine"));
  std::vector<float> image(360);
  EXPECT_THROW(Dataset::open(root()).read_slice("train", 1, 1, image.data(), nullptr), QuarantinedError);
  EXPECT_NO_THROW(Dataset::open(root()).read_slice("train", 1, 2, image.data(), nullptr));
  EXPECT_EQ(test::error_of<DataError>([&] {
              shards_verb({"quarantine", (root() / "no").string(), "--clear"});
            }),
            (root() / "no").string() + " is not a folder");
  run({"quarantine", root().string(), "--clear"});
  EXPECT_NO_THROW(
      Dataset::open(root()).read_slice("train", 1, 1, image.data(), nullptr));  // the image is whole
  for (const std::string& other : {std::string("[]"), std::string(2'000'000, '[')}) {
    test::write_text(root() / "quarantine.json", other);
    EXPECT_THAT(test::error_of<DataError>([&] { Dataset::open(root()); }),
                HasSubstr("is not a list of slices in quarantine"));
  }
}

TEST_F(ShardsVerb, AnUnknownActionIsAConfigurationError) {
  EXPECT_THROW(shards_verb({"mend", root().string()}), ConfigError);
  EXPECT_THROW(shards_verb({"ls", root().string(), "--codec", "lz4"}), ConfigError);
}

TEST_F(ShardsVerb, AManifestOfBeforeSitesWereKeptStillOpens) {
  auto document = nlohmann::json::parse(read_file(root() / "manifest.json"));
  document.erase("manifest_digest");
  for (auto& shard : document["shards"]) {
    ASSERT_EQ(shard["volumes"]["site"].size(), shard["volumes"]["id"].size());
    shard["volumes"].erase("site");
  }
  document["manifest_digest"] = to_hex(digest64(document.dump()));
  test::write_text(root() / "manifest.json", document.dump());
  EXPECT_EQ(Dataset::open(root()).volumes("train").front().site, "");
  EXPECT_EQ(run({"verify", root().string()}).first, 0);
}

TEST(DataConfigs, ThePhantomIsTheOneOfTheQuickstart) {
  const auto options = test::shipped_data("phantom");
  EXPECT_EQ(options.kind, "phantom");
  EXPECT_EQ(options.image_size, (std::vector<std::int64_t>{48, 48, 16}));
  EXPECT_EQ(options.phantom.train_subjects, 96);
  EXPECT_TRUE(options.root.ends_with("/phantom-48")) << options.root;
}

TEST(DataConfigs, TheFourMillimetreVariantDiffersInResolutionOnly) {
  const auto full = test::shipped_data("ixi_shared"), coarse = test::shipped_data("ixi_shared_4mm");
  EXPECT_EQ(full.image_size, (std::vector<std::int64_t>{96, 96, 50}));
  EXPECT_EQ(coarse.image_size, (std::vector<std::int64_t>{48, 48, 25}));
  EXPECT_EQ(coarse.downsample, 2);
  EXPECT_EQ(coarse.sources, full.sources);
  EXPECT_EQ(coarse.source.at("synthetic").set, "synthetic_{split}");
  EXPECT_NE(coarse.root, full.root);
}

TEST(DataConfigs, EveryDataSetFitsBothProfiles) {
  int count = 0;
  for (const auto& file : std::filesystem::directory_iterator(test::source_dir() / "configs" / "data")) {
    const std::string name = file.path().stem();
    EXPECT_EQ(test::shipped_data(name).name, name);
    EXPECT_EQ(test::shipped_data(name, {"profile=reference"}).duplicates, "keep");
    ++count;
  }
  EXPECT_GE(count, 14);
}

TEST(DataConfigs, TheDocumentedTrainingOnThePapersCohortsComposes) {
  const auto options = test::shipped_data(
      "paper",
      {"experiment=paper", "validation.set=brats21_val", "evaluation.threshold_sets=[brats21_val,mslub_val]",
       "evaluation.test_sets=[brats21_test,mslub_test]", "evaluation.healthy_sets=[test]"});
  EXPECT_EQ(options.sources, (std::vector<std::string>{"ixi", "brats21", "mslub"}));
  EXPECT_EQ(options.augment.gamma, 0.5);
}

TEST(DataConfigs, TheExampleOfTheDocumentIsADataSet) {
  const std::string text = read_file(test::source_dir() / "docs" / "data.md");
  const std::size_t begin = text.find("```yaml\n") + 8;
  const test::Scratch scratch;
  for (const char* folder :
       {"data", "scans/control/A", "scans/control/B", "scans/patient/HH/C", "scans/patient/HH/D"})
    std::filesystem::create_directories(scratch / folder);
  test::write_text(scratch / "data/mine.yaml", text.substr(begin, text.find("```", begin) - begin));
  for (const char* subject : {"control/A/A", "control/B/B", "patient/HH/C/C", "patient/HH/D/D"})
    test::write_text(scratch / (std::string("scans/") + subject + "_t2.nii.gz"), "");
  DataOptions options;
  Config::compose({.config_folder = test::source_dir() / "configs",
                   .extra_folders = {scratch.path()},
                   .overrides = {"data=mine"}})
      .bind("data", options);
  options.validate();
  std::map<std::string, std::string> sites;
  for (auto& [name, source] : options.source) source.folder = (scratch / "scans").string();
  for (const auto& entry : list_cohort(options)) sites[entry.set] += entry.site;
  EXPECT_EQ(sites, (std::map<std::string, std::string>{
                       {"train", ""}, {"val", ""}, {"patients_val", "HH"}, {"patients_test", "HH"}}));
}

}  // namespace
}  // namespace gyrus
