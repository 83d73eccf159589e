// Composition, binding and the messages of a wrong configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "launch/command_line.hpp"
#include "launch/config/config.hpp"
#include "launch/config/node.hpp"
#include "launch/config/verb.hpp"
#include "tests/launch/config_folder.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct OptimizerOptions {
  double lr = 1e-4;
  double momentum = 0.9;
  void fields(Fields& f) {
    f.field("lr", lr, "learning rate", {.min = 0.0});
    f.field("momentum", momentum, "weight of the past", {.min = 0.0, .max = 1.0});
  }
};

struct TrainerOptions {
  std::int64_t global_batch = 32;
  std::int64_t micro_batch = 0;
  std::string precision = "fp32";
  std::vector<std::int64_t> levels = {500};
  bool ema = true;
  OptimizerOptions optimizer;
  void fields(Fields& f) {
    f.field("global_batch", global_batch, "samples per step", {.min = 1.0, .unit = "samples"});
    f.field("micro_batch", micro_batch, "samples at once",
            {.min = 1.0, .auto_value = 0.0, .may_change_on_resume = true});
    f.field("precision", precision, "arithmetic", {.choices = {"fp32", "bf16"}});
    f.field("levels", levels, "noise levels", {.min = 1.0});
    f.field("ema", ema, "average the weights");
    f.group("optimizer", optimizer);
  }
};

struct AllOptions {
  TrainerOptions trainer;
  std::string host = "none";
  void fields(Fields& f) {
    f.group("trainer", trainer);
    f.field("host", host, "where it runs");
  }
};

class ConfigFiles : public ConfigFolder {
 protected:
  void SetUp() override {
    ConfigFolder::SetUp();
    write("config.yaml", "defaults:\n  - trainer: default\n  - experiment: null\n  - _self_\nhost: one\n");
    write("trainer/default.yaml", "global_batch: 8\noptimizer:\n  lr: 1e-3\n");
    write("trainer/large.yaml", "global_batch: 512\n");
    write("experiment/small.yaml",
          "# @package _global_\ndefaults:\n  - override /trainer: large\ntrainer:\n  optimizer:\n    lr: "
          "0.5\n");
  }

  Config compose(std::vector<std::string> overrides) const {
    ComposeRequest request;
    request.config_folder = folder_;
    request.overrides = std::move(overrides);
    request.allow_new_keys = true;
    return Config::compose(request);
  }

  AllOptions bind(std::vector<std::string> overrides) const {
    AllOptions options;
    compose(std::move(overrides)).bind(options);
    return options;
  }

  /// The message of composing and binding with these overrides.
  std::string message_of(std::vector<std::string> overrides) const {
    try {
      bind(std::move(overrides));
    } catch (const ConfigError& error) {
      EXPECT_EQ(error.code(), ExitCode::configuration);
      return error.what();
    }
    return "no error";
  }
};

TEST_F(ConfigFiles, FillsStructsFromFilesOverDefaults) {
  const AllOptions options = bind({});
  EXPECT_EQ(options.trainer.global_batch, 8);
  EXPECT_DOUBLE_EQ(options.trainer.optimizer.lr, 1e-3);
  EXPECT_DOUBLE_EQ(options.trainer.optimizer.momentum, 0.9);
  EXPECT_EQ(options.host, "one");
}

TEST_F(ConfigFiles, CommandLineWinsOverExperimentWinsOverGroup) {
  EXPECT_EQ(bind({"experiment=small"}).trainer.global_batch, 512);
  EXPECT_DOUBLE_EQ(bind({"experiment=small"}).trainer.optimizer.lr, 0.5);
  EXPECT_DOUBLE_EQ(bind({"trainer.optimizer.lr=3e-4", "experiment=small"}).trainer.optimizer.lr, 3e-4);
}

TEST_F(ConfigFiles, AcceptsAutoWholeFloatsAndSingleValuesForLists) {
  const AllOptions options =
      bind({"trainer.micro_batch=auto", "trainer.global_batch=1e3", "trainer.levels=250"});
  EXPECT_EQ(options.trainer.micro_batch, 0);
  EXPECT_EQ(options.trainer.global_batch, 1000);
  EXPECT_EQ(options.trainer.levels, (std::vector<std::int64_t>{250}));
  EXPECT_EQ(bind({"trainer.levels=[100,200]"}).trainer.levels, (std::vector<std::int64_t>{100, 200}));
}

TEST_F(ConfigFiles, MisspeltOptionNamesFileLineAndSuggestion) {
  write("trainer/default.yaml", "global_batch: 8\noptimizer:\n  lr: 1e-3\n  momentun: 0.5\n");
  EXPECT_EQ(message_of({}),
            "trainer.optimizer.momentun (" + (folder_ / "trainer/default.yaml").string() +
                ":4) is not an option; did you mean momentum? trainer.optimizer has: lr, momentum");
}

TEST_F(ConfigFiles, MisspeltOverrideNamesTheOverride) {
  EXPECT_THAT(
      message_of({"trainer.optimizer.lrr=1"}),
      HasSubstr(
          "trainer.optimizer.lrr (override trainer.optimizer.lrr=1) is not an option; did you mean lr?"));
  EXPECT_THAT(message_of({"trainre.ema=false"}), HasSubstr("did you mean trainer?"));
}

TEST_F(ConfigFiles, WrongTypesNameValueAndWantedType) {
  EXPECT_THAT(message_of({"trainer.optimizer.lr=fast"}),
              HasSubstr("trainer.optimizer.lr (override trainer.optimizer.lr=fast) is the text 'fast'; a "
                        "number is wanted"));
  EXPECT_THAT(message_of({"trainer.optimizer.lr='1e-4'"}),
              HasSubstr("is the text '1e-4'; a number is wanted"));
  EXPECT_THAT(message_of({"trainer.global_batch=1.5"}),
              HasSubstr("is the number 1.5; a whole number is wanted"));
  EXPECT_THAT(message_of({"trainer.ema=yes"}), HasSubstr("true or false is wanted"));
  EXPECT_THAT(message_of({"host=12"}), HasSubstr("is the number 12; text is wanted; put it in quotes"));
  EXPECT_THAT(message_of({"host=null"}), HasSubstr("is null; text is wanted"));
  EXPECT_THAT(message_of({"trainer.optimizer=3"}), HasSubstr("a group of options is wanted"));
  EXPECT_THAT(message_of({"trainer.levels={a: 1}"}), HasSubstr("a list is wanted"));
}

TEST_F(ConfigFiles, RulesAreEnforcedAndNamed) {
  EXPECT_THAT(message_of({"trainer.global_batch=0"}), HasSubstr("is the number 0; it must be at least 1"));
  EXPECT_THAT(message_of({"trainer.optimizer.momentum=2"}), HasSubstr("it must be 0 to 1"));
  EXPECT_THAT(message_of({"trainer.optimizer.lr=nan"}), HasSubstr("it must be at least 0"));
  EXPECT_THAT(message_of({"trainer.precision=bf61"}), HasSubstr("did you mean bf16? choices: fp32, bf16"));
  EXPECT_THAT(message_of({"trainer.levels=[5,0]"}), HasSubstr("it must be at least 1"));
  EXPECT_THAT(message_of({"host=???"}), HasSubstr(") must be given: write host=..."));
}

TEST_F(ConfigFiles, MissingGroupsAndOptionsListWhatThereIs) {
  EXPECT_THAT(message_of({"trainer=larg"}),
              HasSubstr("group trainer has no option larg: there is no config 'trainer/larg'"));
  EXPECT_THAT(message_of({"trainer=larg"}), HasSubstr("did you mean large? the options are: default, large"));
  EXPECT_THAT(message_of({"modle@x=ddpm"}), HasSubstr("there is no group modle"));
  write("config.yaml", "defaults:\n  - modell: ddpm\n");
  EXPECT_THAT(message_of({}), HasSubstr("there is no config 'modell/ddpm' (asked for by 'config'"));
}

TEST_F(ConfigFiles, InterpolationCycleNamesItsKeys) {
  EXPECT_THAT(message_of({"host='${no.such.key}'"}),
              HasSubstr("${no.such.key} names 'no.such.key', which no file and no override sets"));
  const std::string message = message_of({"host='${a}'", "a='${b}'", "b='${host}'"});
  EXPECT_THAT(message, HasSubstr("interpolations go in a circle: host -> a -> b -> host"));
}

TEST_F(ConfigFiles, KeysOfAMappingAreThereBeforeItsValues) {
  write("config.yaml", "all: ${oc.dict.keys:parts}\nparts:\n  a: ???\n  b: ${all}\n");
  EXPECT_EQ(spell(*compose({}).root().find("all")), "['a', 'b']");
}

TEST_F(ConfigFiles, NestingBombsOfInterpolationsAreRefused) {
  std::string deep = "host";
  for (int i = 0; i < 1000; ++i) deep = "${" + deep + "}";
  EXPECT_THAT(message_of({"host='" + deep + "'"}), HasSubstr("nested too deeply"));
  std::vector<std::string> chain;
  for (int i = 0; i < 1000; ++i)
    chain.push_back("k" + std::to_string(i) + "='${k" + std::to_string(i + 1) + "}'");
  chain.push_back("k1000=1");
  EXPECT_THAT(message_of(chain), HasSubstr("a chain of more than 200 interpolations"));
  std::string list = "host=";
  for (int i = 0; i < 1000; ++i) list += "[";
  EXPECT_THAT(message_of({list}), HasSubstr("nested too deeply"));
}

TEST_F(ConfigFiles, EnvironmentVariableThatIsNotSetIsNamed) {
  unsetenv("GYRUS_TEST_HOST");
  EXPECT_THAT(message_of({"host='${oc.env:GYRUS_TEST_HOST}'"}),
              HasSubstr("the environment variable GYRUS_TEST_HOST is not set; export GYRUS_TEST_HOST=..., or "
                        "give a default"));
  EXPECT_EQ(bind({"host='${oc.env:GYRUS_TEST_HOST,two}'"}).host, "two");
}

TEST_F(ConfigFiles, DamagedFilesNameTheirLine) {
  write("config.yaml", "host: one\nhost: two\n");
  EXPECT_THAT(message_of({}), HasSubstr("config.yaml, line 2: key host is there already, at line 1"));
  write("config.yaml", "host: [one\n");
  EXPECT_THAT(message_of({}), HasSubstr("config.yaml, line 2: not YAML"));
  write("config.yaml", "host: one\n---\nhost: two\n");
  EXPECT_THAT(message_of({}), HasSubstr("holds more than one document"));
  write("config.yaml", "a: " + std::string(101, '[') + std::string(101, ']') + "\n");
  EXPECT_THAT(message_of({}), HasSubstr("nested deeper than 100 levels"));
  write("config.yaml", "\thost: one\n");
  EXPECT_THAT(message_of({}), HasSubstr("config.yaml, line 1: not YAML"));
}

TEST_F(ConfigFiles, ManyAliasesOfAliasesAreRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  write("config.yaml", bomb);
  EXPECT_THAT(message_of({}), HasSubstr("holds more than 1000000 values"));
}

TEST_F(ConfigFiles, DumpLoadsAsTheSameConfiguration) {
  const Config config =
      compose({"host='yes'", "+odd.text='1e-4'", "+odd.empty=''", "+odd.interpolation='\\${host}'",
               "+odd.list=[1,'2',null,[x]]", "+odd.lines='a: b # c'", "+odd.tiny=1e-07", "+odd.whole=2.0"});
  const fs::path file = folder_ / "frozen.yaml";
  std::ofstream(file) << config.to_yaml();
  const Config loaded = Config::load(file);
  EXPECT_TRUE(same_value(config.root(), loaded.root())) << config.to_yaml() << "became\n" << loaded.to_yaml();
  EXPECT_EQ(loaded.root().find_path("odd.interpolation")->text, "${host}");
}

TEST_F(ConfigFiles, OptionsFixedOnResumeLeaveOutWhatMayChange) {
  AllOptions options = bind({"trainer.optimizer.lr=0.25"});
  const auto fixed = options_fixed_on_resume([&](Fields& f) { options.fields(f); });
  EXPECT_EQ(fixed.at("trainer.optimizer.lr"), "0.25");
  EXPECT_EQ(fixed.count("trainer.micro_batch"), 0u);
}

/// Runs `gyrus config` over the test's configs and returns what it prints.
std::string config_output(const fs::path& folder, std::vector<std::string> arguments) {
  setenv("GYRUS_CONFIGS", folder.c_str(), 1);
  testing::internal::CaptureStdout();
  int code = -1;
  try {
    code = config_verb(arguments, [](Fields& f) {
      AllOptions options;
      options.fields(f);
    });
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  EXPECT_EQ(code, 0);
  return testing::internal::GetCapturedStdout();
}

TEST_F(ConfigFiles, ExplainShowsEveryLayerInOrder) {
  const std::string text = config_output(
      folder_, {"explain", "trainer.optimizer.lr", "experiment=small", "trainer.optimizer.lr=3e-4"});
  const std::size_t by_program = text.find("default of the program");
  const std::size_t by_file = text.find("experiment/small.yaml:6");
  const std::size_t by_override = text.find("* 0.0003                   override trainer.optimizer.lr=3e-4");
  EXPECT_LT(by_program, by_file) << text;
  EXPECT_LT(by_file, by_override) << text;
  EXPECT_NE(by_override, std::string::npos) << text;
}

TEST_F(ConfigFiles, ShowPrintsWhatBindsAndRefusesWhatDoesNot) {
  EXPECT_THAT(config_output(folder_, {"show", "host=two"}), HasSubstr("host: two\n"));
  EXPECT_THAT(config_output(folder_, {"show", "--json"}), HasSubstr("\"global_batch\": 8"));
  EXPECT_THROW(config_output(folder_, {"show", "hots=two"}), ConfigError);
}

TEST_F(ConfigFiles, OptionsListsTypesDefaultsAndRules) {
  const std::string text = config_output(folder_, {"options", "--search", "samples"});
  EXPECT_THAT(text,
              HasSubstr("trainer.global_batch = 32  (integer, samples, at least 1)\n    samples per step"));
  EXPECT_THAT(text, HasSubstr("trainer.micro_batch = auto"));
  EXPECT_EQ(text.find("precision"), std::string::npos);
  EXPECT_THAT(config_output(folder_, {"options", "--markdown"}),
              HasSubstr("| `trainer.precision` | `fp32` | text, fp32\\|bf16 |"));
  EXPECT_THAT(config_output(folder_, {"options", "--markdown"}),
              HasSubstr("| samples at once | may change |"));
}

TEST_F(ConfigFiles, ShowTakesAPackageAndKeepsInterpolationsOnRequest) {
  write("config.yaml",
        "defaults:\n  - trainer: default\n  - _self_\nhost: '${trainer.precision}-host'\n"
        "trainer: {precision: bf16}\nhydra: {run: {dir: x}}\n");
  EXPECT_EQ(config_output(folder_, {"show", "--package", "trainer.optimizer"}), "lr: 0.001\n");
  EXPECT_EQ(config_output(folder_, {"show", "--package", "trainer.optimizer", "--json"}),
            "{\n  \"lr\": 0.001\n}\n");
  EXPECT_THAT(config_output(folder_, {"show"}), HasSubstr("host: bf16-host\n"));
  const std::string unresolved = config_output(folder_, {"show", "--unresolved"});
  EXPECT_THAT(unresolved, HasSubstr("host: \"${trainer.precision}-host\"\n"));
  EXPECT_EQ(unresolved.find("hydra"), std::string::npos);
  EXPECT_THROW(config_output(folder_, {"show", "--package", "trainr"}), ConfigError);
}

TEST_F(ConfigFiles, DiffNamesOptionsAndWhatAResumedRunKeeps) {
  EXPECT_EQ(
      config_output(folder_, {"diff", "trainer.ema=false trainer.micro_batch=4", "trainer.optimizer.lr=1"}),
      "  trainer.micro_batch: 4 -> auto\n"
      "! trainer.ema: false -> true\n"
      "! trainer.optimizer.lr: 0.001 -> 1\n"
      "3 options differ; a run that is resumed keeps those marked !\n");
  EXPECT_EQ(config_output(folder_, {"diff", "", "trainer=default"}), "no difference\n");
  const fs::path run = folder_ / "run";
  fs::create_directories(run);
  std::ofstream(run / "config.yaml") << compose({"host=two"}).to_yaml();
  EXPECT_THAT(config_output(folder_, {"diff", "", run.string()}), HasSubstr("! host: one -> two\n"));
  EXPECT_THROW(config_output(folder_, {"diff", "", "nonsense"}), ConfigError);
}

TEST_F(ConfigFiles, DigestDependsOnKeptValuesAlone) {
  const std::string digest = config_output(folder_, {"digest"});
  EXPECT_EQ(digest.size(), 17u);
  write("config.yaml",
        "# another comment\nhost: one\ndefaults: [trainer: default, _self_]\ntrainer: {micro_batch: 3}\n");
  EXPECT_EQ(config_output(folder_, {"digest"}), digest);
  EXPECT_NE(config_output(folder_, {"digest", "host=two"}), digest);
}

TEST(CommandLine, UnknownFlagIsAConfigErrorWithTheWayToHelp) {
  CLI::App app("test", "gyrus test");
  try {
    parse_arguments(app, {"--nonsense"});
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("--nonsense"));
    EXPECT_THAT(error.what(), HasSubstr("`gyrus test --help`"));
  }
}

TEST(CommandLine, OverridesMayLookLikeAnything) {
  CLI::App app("test", "gyrus test");
  ConfigArguments arguments;
  arguments.add_to(app);
  ASSERT_TRUE(parse_arguments(
      app, {"a=[1,2]", "~b", "+c={x: 1}", "-c", "small", "++d.e='-x'", "--config-dir", "here", "f=-1"}));
  EXPECT_EQ(arguments.overrides,
            (std::vector<std::string>{"a=[1,2]", "~b", "+c={x: 1}", "++d.e='-x'", "f=-1"}));
  EXPECT_EQ(arguments.config_name, "small");
  EXPECT_EQ(arguments.config_folders, (std::vector<std::string>{"here"}));
}

}  // namespace
}  // namespace gyrus
