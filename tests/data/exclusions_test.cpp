// exclusions.csv, and the verb that writes it.
#include "data/exclusions.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "data/dataset.hpp"
#include "data/lint/lint_verb.hpp"
#include "data/prepare/plan.hpp"
#include "data/shard/repack.hpp"
#include "tests/data/lint_tree.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(LintTree, AfterAFixThePreparationGoesOnAndAChangedListMakesItsShardsAnew) {
  options_.shard_volumes = 1;
  prepare_dataset(options_, world());
  const auto written = [&](const char* shard) {
    return std::filesystem::last_write_time(std::filesystem::path(options_.root) / shard);
  };
  const auto train = written("train-00000.h5"), val = written("val-00000.h5");
  write(labels(9, 9), "A_mask.nii");
  EXPECT_NE(error_of<AgreedError>([&] { prepare_dataset(options_, world()); }), "");
  Lint first(options_, 2);
  EXPECT_EQ(first.leave_out(), 1u);
  EXPECT_EQ(describe_exclusions(options_.root),
            "1 volume is left out by " + options_.root + "/exclusions.csv");
  const std::string text = list();
  Lint second(options_, 2);
  EXPECT_THAT(second.report().findings, IsEmpty());
  EXPECT_EQ(second.leave_out(), 0u);
  EXPECT_EQ(list(), text);

  testing::internal::CaptureStderr();
  log::configure(0, false);
  EXPECT_TRUE(prepare_dataset(options_, world()));
  log::configure(0, true);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("1 volume is left out by " + options_.root));
  EXPECT_EQ(Dataset::open(options_).volumes("train").size(), 1u);
  EXPECT_EQ(Dataset::open(options_).volumes("train").front().id, "B");
  EXPECT_NE(written("train-00000.h5"), train);  // B's now
  EXPECT_EQ(written("val-00000.h5"), val);
  EXPECT_FALSE(prepare_dataset(options_, world()));
  // Somebody mends the mask and takes the line out of the list.
  write(labels(2, 5), "A_mask.nii");
  write_text(std::filesystem::path(options_.root) / exclusions_file, "source,set,id,reason\n");
  EXPECT_TRUE(prepare_dataset(options_, world()));
  EXPECT_EQ(Dataset::open(options_).volumes("train").size(), 2u);
}

TEST_F(LintTree, TheListKeepsWhatPeopleWrote) {
  std::filesystem::create_directories(options_.root);
  const auto file = std::filesystem::path(options_.root) / exclusions_file;
  write_text(file, "id,set,source,reason\nD,test,healthy,\"moved, says the \"\"radiologist\"\"\"\n");
  write(labels(9, 9), "B_mask.nii");
  Lint lint(options_, 2);
  EXPECT_THAT(lint.report().rows, SizeIs(4));
  EXPECT_EQ(lint.leave_out(), 1u);
  const auto entries = read_exclusions(options_.root);
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(entries[0].id, "D");
  EXPECT_EQ(entries[0].reason, "moved, says the \"radiologist\"");
  EXPECT_EQ(entries[1].id, "B");
  EXPECT_EQ(entries[1].reason, "empty brain masks: " + path("B_mask.nii") + ": has no voxel of 0.5 or more");
}

TEST_F(LintTree, AMalformedListIsRefusedWithItsLine) {
  std::filesystem::create_directories(options_.root);
  const auto message = [&](const std::string& text) {
    write_text(std::filesystem::path(options_.root) / exclusions_file, text);
    return error_of<DataError>([&] { list_cohort(options_); });
  };
  const std::string header = "source,set,id,reason\n";
  EXPECT_EQ(message(header + "healthy,train,A,blurred\n"), "");
  EXPECT_EQ(message(header), "");
  EXPECT_EQ(message("\xEF\xBB\xBFid,set,source,reason\r\n"), "");  // of a spreadsheet program
  EXPECT_THAT(message(""), HasSubstr("lacks the columns source, set, id, reason"));
  EXPECT_THAT(message(header + "healthy,train,A\n"), HasSubstr("line 2 has 3 fields, its header has 4"));
  EXPECT_THAT(message("set,id,reason\ntrain,A,x\n"), HasSubstr("lacks the columns source"));
  EXPECT_THAT(message(header + "healthy,train,B,\nhealthy,train,,x\n"),
              HasSubstr("exclusions.csv line 3 names no volume: give set and id"));
  EXPECT_THAT(
      message(header + "healthy,val,A,\n"),
      HasSubstr("exclusions.csv line 2 leaves out A of set val, which source 'healthy' does not list"));
  EXPECT_THAT(message(header + "healthy,train,A,\nhealthy,train,A,\n"), HasSubstr("line 3 leaves out A"));
  EXPECT_THAT(message(header + "healthy,train,A,\"no close\nhealthy,train,B,x\n"),
              HasSubstr("exclusions.csv line 2: a quote is opened and not closed"));
}

TEST_F(LintTree, AListThatIsALinkToNowhereIsNotTakenForNone) {
  std::filesystem::create_directories(options_.root);
  std::filesystem::create_symlink("nowhere.csv", std::filesystem::path(options_.root) / exclusions_file);
  EXPECT_THAT(error_of<DataError>([&] { list_cohort(options_); }), HasSubstr("exclusions.csv"));
}

TEST_F(LintTree, FilesOfAnotherProgramHaveNoSources) {
  options_.kind = "hdf5";
  EXPECT_THAT(error_of<ConfigError>([&] { lint(); }), HasSubstr("data.kind=hdf5 has no sources to check"));
}

TEST_F(LintTree, AChangedSiteIsPartOfAShardsRecipeAndAnUnknownOneIsNot) {
  auto plans = divide_into_shards(options_);
  SourceDigests digests;
  const auto recipe = [&](const std::string& site) {
    plans[0].entries[0].site = site;
    return recipe_of(options_, plans[0], digests);
  };
  EXPECT_NE(recipe("Guys"), recipe(""));
  EXPECT_NE(recipe("Guys"), recipe("HH"));
}

TEST_F(LintTree, TheListGoesWithShardsThatAreRepacked) {
  write(labels(9, 9), "A_mask.nii");
  Lint(options_, 2).leave_out();
  prepare_dataset(options_, world());
  const std::string target = (scratch_ / "repacked").string();
  repack(options_.root, target, {.codec = Codec::deflate, .num_threads = 1});
  options_.root = target;
  EXPECT_FALSE(prepare_dataset(options_, world()));  // it knows them as its own
}

/// The verb on the tree, configured as people do it.
class LintVerb : public LintTree {
 protected:
  /// Exit code and what was printed.
  std::pair<int, std::string> run(std::vector<std::string> arguments) {
    std::filesystem::create_directories(scratch_ / "configs");
    write_text(
        scratch_ / "configs" / "lint_test.yaml",
        "data:\n  name: made\n  root: " + options_.root +
            "\n  image_size: [8, 8, 4]\n  curvature_flow: false\n  sources: [healthy]\n  source:\n"
            "    healthy:\n      folder: " +
            folder_.string() +
            "\n      table: split.csv\n      image: '{subject}.nii'\n      mask: '{subject}_mask.nii'\n");
    arguments.insert(arguments.begin(),
                     {"--quiet", "-c", "lint_test", "--config-dir", (scratch_ / "configs").string()});
    testing::internal::CaptureStdout();
    const int code = lint_verb(arguments, [](const Config&) {});
    return {code, testing::internal::GetCapturedStdout()};
  }
};

TEST_F(LintVerb, ReportsOnStdoutAndEndsWithThreeWhenThereAreErrors) {
  EXPECT_EQ(run({}), std::pair(0, std::string("made: 4 volumes, 0 errors, 0 warnings\n")));
  auto file = image('D'), mask = labels(2, 5);
  file.spacing = mask.spacing = {1, 1, 2};
  write(file, "D.nii");
  write(mask, "D_mask.nii");
  EXPECT_EQ(run({}).first, 0);  // a warning
  write(labels(9, 9), "A_mask.nii");
  const auto [code, text] = run({});
  EXPECT_EQ(code, 3);
  EXPECT_EQ(text,
            "error: empty brain masks (1)\n  " + path("A_mask.nii") +
                ": has no voxel of 0.5 or more\nwarning: volumes on another grid than most of their source "
                "(1)\n  " +
                path("D.nii") +
                " has 8x8x4 voxels of 1x1x2 mm, LPS; 3 of the 4 images of source healthy have 8x8x4 voxels "
                "of 1x1x1 mm, LPS\n`gyrus lint --fix` leaves out 1 volume\nmade: 4 volumes, 1 error, 1 "
                "warning\n");
}

TEST_F(LintVerb, FixesAndSaysSoInTextAndJson) {
  write(labels(9, 9), "A_mask.nii");
  const auto before = nlohmann::json::parse(run({"--json"}).second);
  EXPECT_EQ(before["errors"], 1);
  EXPECT_EQ(before["findings"][0]["check"], "empty_mask");
  EXPECT_EQ(before["findings"][0]["severity"], "error");
  EXPECT_EQ(before["findings"][0]["volumes"][0]["image"], path("A.nii"));
  EXPECT_EQ(before["findings"][0]["can_be_fixed"], true);
  const auto [code, text] = run({"--fix"});
  EXPECT_EQ(code, 0);
  EXPECT_EQ(text, "1 volume is left out by " + options_.root +
                      "/exclusions.csv\n1 of them new; `gyrus prepare` does without them\nmade: 3 volumes, 0 "
                      "errors, 0 warnings\n");
  const auto after = nlohmann::json::parse(run({"--json", "--fix"}).second);
  EXPECT_EQ(after["newly_left_out"], 0);
  EXPECT_EQ(after["left_out"][0]["id"], "A");
  EXPECT_EQ(after["volumes"], 3);
}

TEST_F(LintVerb, PrintsJsonOfANameThatIsNotInUtf8) {
  const auto report = nlohmann::json::parse(run({"--json", "data.name='M\xfcller'"}).second);
  EXPECT_EQ(report["name"], "M\xef\xbf\xbdller");  // U+FFFD
}

TEST_F(LintVerb, NamesTwentyOfAKindInText) {
  std::string rows;
  for (int i = 0; i < 23; ++i) rows += "missing" + std::to_string(i) + ",train\n";
  write_table(rows);
  const auto text = run({}).second;
  EXPECT_THAT(text, HasSubstr("error: files that cannot be read (46)"));
  EXPECT_THAT(text, HasSubstr("  and 26 more\n"));
}

}  // namespace
}  // namespace gyrus::test
