// Wrong configurations: each is refused with exit code 2 and a message that says what is wrong and where.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "launch/config/config.hpp"
#include "launch/config/multirun.hpp"
#include "launch/config/node.hpp"
#include "tests/launch/config_folder.hpp"
#include "tests/support/as_nobody.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class BadConfig : public ConfigFolder {
 protected:
  void SetUp() override {
    ConfigFolder::SetUp();
    write("config.yaml", "a: 1\nlist: [1, 2]\n");
  }

  ComposeRequest request(std::vector<std::string> overrides) const {
    ComposeRequest request;
    request.config_folder = folder_;
    request.overrides = std::move(overrides);
    return request;
  }

  /// The message of composing config.yaml with these overrides.
  std::string message(std::vector<std::string> overrides = {}) const {
    try {
      Config::compose(request(std::move(overrides)));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::configuration) << error.what();
      return error.what();
    }
    return "no error";
  }
  std::string message_of_content(const std::string& content) const {
    write("config.yaml", content);
    return message();
  }
};

TEST_F(BadConfig, TabsDuplicateKeysAndSeveralDocuments) {
  EXPECT_THAT(message_of_content("a:\n\tb: 1\n"),
              AllOf(HasSubstr("config.yaml, line 2: not YAML"), HasSubstr("a tab; indent with blanks")));
  EXPECT_THAT(message_of_content("a: 1\nb: {c: 1, c: 2}\n"),
              HasSubstr("config.yaml, line 2: key c is there already"));
  EXPECT_THAT(message_of_content("a: 1\n---\nb: 2\n"), HasSubstr("more than one document"));
  EXPECT_THAT(message_of_content("- a\n- b\n"), HasSubstr("is a list; a mapping is wanted"));
}

TEST_F(BadConfig, DefaultsThatGoInACircle) {
  write("model/a.yaml", "defaults: [/model@x: b]\n");
  write("model/b.yaml", "defaults: [/model@x: a]\n");
  EXPECT_THAT(message_of_content("defaults: [model: a]\n"), HasSubstr("defaults lists go in a circle"));
}

TEST_F(BadConfig, InterpolationsThatGoInACircleOrGrowWithoutEnd) {
  EXPECT_THAT(message_of_content("a: ${b}\nb: ${a}\n"), HasSubstr("in a circle: a -> b -> a"));
  std::string doubling = "k40: x\n";
  for (int i = 0; i < 40; ++i) doubling += fmt::format("k{0}: ${{k{1}}}${{k{1}}}\n", i, i + 1);
  EXPECT_THAT(message_of_content(doubling), HasSubstr("make more than 300000 values"));
  std::string lists = "k30: x\n";
  for (int i = 0; i < 30; ++i) lists += fmt::format("k{0}: ['${{k{1}}}', '${{k{1}}}']\n", i, i + 1);
  EXPECT_THAT(message_of_content(lists), HasSubstr("make more than 300000 values"));
}

TEST_F(BadConfig, FilesThatAreNotThereOrCannotBeRead) {
  EXPECT_THAT(message_of_content("defaults: [bsae]\n"), HasSubstr("there is no config 'bsae'"));
  ComposeRequest other = request({});
  other.config_name = "confg";
  EXPECT_THROW(Config::compose(other), ConfigError);
  other = request({});
  other.extra_folders = {folder_ / "nowhere"};
  EXPECT_THROW(Config::compose(other), ConfigError);
  fs::remove(folder_ / "config.yaml");
  fs::create_directory(folder_ / "config.yaml");
  EXPECT_THAT(message(), AllOf(HasSubstr("config.yaml"),
                               HasSubstr("is a folder, a broken link or a device, not a file")));
}

TEST_F(BadConfig, AFileWithoutPermission) {
  fs::permissions(folder_ / "config.yaml", fs::perms::none);
  const test::AsNobody other_user;
  EXPECT_THAT(message(), AllOf(HasSubstr("config.yaml"), HasSubstr("Permission denied")));
}

TEST_F(BadConfig, AliasesOfThemselvesAndBombs) {
  EXPECT_THAT(message_of_content("a: &a [*a]\n"),
              HasSubstr("line 1: an alias stands inside the value that it names"));
  EXPECT_THAT(message_of_content("a: " + std::string(5000, '[')), HasSubstr("config.yaml"));
}

TEST_F(BadConfig, AScalarOfAMegabyteIsRead) {
  write("config.yaml", "a: " + std::string(1'000'000, 'x') + "\n");
  EXPECT_EQ(Config::compose(request({})).root().find("a")->text.size(), 1'000'000u);
  EXPECT_EQ(message({"a=1" + std::string(1'000'000, '0')}), "no error");  // beyond 64 bits: a float
}

TEST_F(BadConfig, TextThatIsNotUtf8) {
  EXPECT_THAT(message_of_content("a: \"\xff\xfe x\"\n"), HasSubstr("config.yaml, line 1: is not UTF-8"));
  EXPECT_THAT(message_of_content("ok: 1\nb: caf\xe9\n"), HasSubstr("config.yaml, line 2: is not UTF-8"));
  write("config.yaml", "a: 1\n");
  EXPECT_THAT(message({"a=caf\xe9"}), HasSubstr("must stand in quotes"));
}

TEST_F(BadConfig, ValuesThatAreMissing) {
  EXPECT_THAT(message_of_content("a: ???\nb: ${a}\n"), HasSubstr("which has no value yet; set a=..."));
  unsetenv("GYRUS_TEST_ABSENT");
  EXPECT_THAT(message_of_content("a: ${oc.env:GYRUS_TEST_ABSENT}\n"),
              HasSubstr("the environment variable GYRUS_TEST_ABSENT is not set"));
  EXPECT_THAT(message_of_content("a: ${hydra:job.nam}\n"), HasSubstr("hydra.job.nam"));
}

TEST_F(BadConfig, PlacesThatAreNotThere) {
  EXPECT_THAT(message({"list.5=1"}), HasSubstr("'list.5' is outside the list, which has 2 items"));
  EXPECT_THAT(message({"modell@x=ddpm"}), HasSubstr("there is no group modell"));
  EXPECT_THAT(message({"hydra/launcher=submitit"}), HasSubstr("Hydra's own group hydra/launcher"));
  EXPECT_THAT(message({"hydra.rum.dir=x"}), HasSubstr("did you mean run?"));
  EXPECT_THAT(message({"b=1"}), HasSubstr("to add it write +b="));
}

TEST_F(BadConfig, AMisspeltOptionOfAnOptionalGroup) {
  write("site/leeds.yaml", "host: l\n");
  write("config.yaml", "defaults: [optional site: leds]\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(message(), "no error");  // Hydra says nothing at all
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("did you mean leeds?"));
  EXPECT_THAT(message({"site=ledes"}), HasSubstr("group site has no option ledes"));
}

TEST_F(BadConfig, KeysOfHydraThatNothingReads) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(message_of_content("hydra: {job_logging: {level: 3}, run: {dir: x}}\n"), "no error");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("hydra.job_logging"));
  EXPECT_EQ(said.find("hydra.run"), std::string::npos);
}

TEST_F(BadConfig, HydrasOwnNodeKeepsItsShape) {
  EXPECT_THAT(message({"~hydra"}), HasSubstr("what hydra knows cannot be deleted"));
  EXPECT_THAT(message({"~hydra.job"}), HasSubstr("what hydra knows cannot be deleted"));
  EXPECT_THAT(message({"hydra=3"}),
              HasSubstr("hydra (override hydra=3) is the number 3; a mapping is wanted"));
  EXPECT_THAT(message({"hydra.job=null"}), HasSubstr("a mapping is wanted"));
  EXPECT_THAT(message({"hydra.run.dir=null"}), HasSubstr("a text is wanted"));
  EXPECT_THAT(message({"hydra.run.dir=[a]"}), HasSubstr("a single value is wanted"));
  EXPECT_THAT(message({"hydra.mode=FOO"}), HasSubstr("RUN or MULTIRUN is wanted"));
  EXPECT_THAT(message_of_content("hydra: {sweeper: {params: {a: null}}}\n"),
              HasSubstr("a value or a sweep is wanted"));
  write("part.yaml", "searchpath: [elsewhere]\n");
  EXPECT_THAT(message_of_content("defaults: [part@hydra]\n"), HasSubstr("only the primary config may"));
}

TEST_F(BadConfig, EntriesOfFoldersThatAreNoFiles) {
  fs::create_directories(folder_ / "noise");
  fs::create_symlink("loop.yaml", folder_ / "noise/loop.yaml");
  fs::create_symlink("nowhere", folder_ / "noise/dangling.yaml");
  EXPECT_THAT(message({"+noise=loop"}), HasSubstr("a broken link or a device, not a file"));
  EXPECT_THAT(message({"+noise=dangling"}), HasSubstr("a broken link or a device, not a file"));
}

TEST_F(BadConfig, WordsBeforeAGroupThatMeanNothing) {
  write("db/a.yaml", "x: 1\n");
  EXPECT_THAT(message_of_content("defaults: [optinal db: a]\n"),
              HasSubstr("only 'optional' and 'override' may stand before a group"));
}

TEST_F(BadConfig, LongTextsAreShortenedInMessages) {
  EXPECT_THAT(describe_value(ConfigNode::make_text(std::string(5000, 'x'))),
              HasSubstr("... (5000 characters)"));
}

TEST_F(BadConfig, ASweepOfTooManyJobs) {
  EXPECT_THROW(compose_multirun(request({"a=range(1000)", "+b=range(1000)"})), ConfigError);
}

}  // namespace
}  // namespace gyrus
