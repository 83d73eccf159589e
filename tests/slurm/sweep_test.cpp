// Submitting and sweeping with fake schedulers; tests/slurm/*.sh do the same on a real SLURM.
#include "slurm/sweep.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "slurm/evaluation_table.hpp"
#include "slurm/submit_options.hpp"
#include "slurm/sweep_ledger.hpp"
#include "slurm/sweep_table.hpp"
#include "stand_in.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using Strings = std::vector<std::string>;

/// A program with few options.
struct FakeProgram {
  struct Run {
    std::string name, dir;
    void fields(Fields& f) {
      f.field("name", name, "");
      f.field("dir", dir, "");
    }
  } run;
  struct Noise {
    std::int64_t level = 0;
    void fields(Fields& f) { f.field("level", level, "", {.min = 1.0}); }
  } noise;
  struct Data {
    std::string root;
    std::int64_t fold = 0;
    void fields(Fields& f) {
      f.field("root", root, "");
      f.field("fold", fold, "");
    }
  } data;
  struct Fake {
    std::int64_t exit_code = 0;
    void fields(Fields& f) { f.field("exit_code", exit_code, ""); }
  } fake;
  std::int64_t seed = 1;
  SubmitOptions submit;
  SweepOptions sweep;

  void fields(Fields& f) {
    f.field("seed", seed, "");
    f.group("submit", submit);
    f.group("sweep", sweep);
    f.group("run", run);
    f.group("noise", noise);
    f.group("data", data);
    f.group("fake", fake);
  }
  static void check(const Config& config) {
    FakeProgram program;
    config.bind(program);
  }
};

/// The program's configs, and the fake commands.
class Verbs : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path configs = commands_.folder() / "configs";
    fs::create_directories(configs);
    std::ofstream(configs / "config.yaml")
        << "seed: 1\nrun: {name: one, dir: " << (commands_.folder() / "runs/one").string()
        << "}\ndata: {root: cache, fold: 0}\nnoise: {level: 500}\nfake: {exit_code: 0}\n";
    setenv("GYRUS_CONFIGS", configs.c_str(), 1);
    sweep_dir_ = commands_.folder() / "sweep";
  }

  int submit(const Strings& arguments) { return submit_verb(arguments, FakeProgram::check); }
  int sweep(Strings arguments) {
    if (arguments.front().find('=') != std::string::npos)
      arguments.push_back("sweep.dir=" + sweep_dir_.string());
    return sweep_verb(arguments, FakeProgram::check);
  }

  /// What `run` prints to stdout.
  template <class Run>
  std::string output_of(const Run& run) {
    testing::internal::CaptureStdout();
    run();
    return testing::internal::GetCapturedStdout();
  }

  template <class Expected, class Run>
  std::string message_of(const Run& run) {
    try {
      run();
    } catch (const Expected& error) {
      return error.what();
    }
    return "no error";
  }

  test::FakeCommands commands_;
  fs::path sweep_dir_;
};

TEST_F(Verbs, SubmitFreezesWritesAndPrintsTheJobId) {
  commands_.add("sbatch", "printf '%s ' \"$@\" > $FOLDER/sbatch.log; echo '4711;cluster'");
  EXPECT_EQ(output_of([&] { submit({"noise.level=300", "submit.nodes=3"}); }), "4711\n");
  const fs::path run = commands_.folder() / "runs/one";
  EXPECT_EQ(commands_.read("sbatch.log"), "--parsable " + (run / "job.sbatch").string() + " ");
  EXPECT_THAT(read_file(run / "job.sbatch"), HasSubstr("#SBATCH --nodes=3\n"));
  EXPECT_THAT(read_file(run / "config.yaml"), HasSubstr("level: 300\n"));
  EXPECT_EQ(read_file(run / ".hydra/overrides.yaml"), "- noise.level=300\n- submit.nodes=3\n");
  EXPECT_THAT(read_file(run / ".hydra/config.yaml"), HasSubstr("level: 300\n"));
}

TEST_F(Verbs, DryRunPrintsTheScriptAndWritesNothing) {
  EXPECT_THAT(output_of([&] { submit({"--dry-run"}); }), HasSubstr("#SBATCH --nodes=1\n"));
  EXPECT_FALSE(fs::exists(commands_.folder() / "runs"));
}

TEST_F(Verbs, SubmitSaysWhatTheSchedulerSays) {
  commands_.add("sbatch", "echo 'sbatch: error: invalid partition specified: gpx' >&2; exit 1");
  EXPECT_THAT(message_of<ConfigError>([&] { submit({"submit.partition=gpx"}); }),
              HasSubstr("invalid partition specified: gpx"));
  fs::remove(commands_.folder() / "bin/sbatch");
  commands_.only();
  EXPECT_THAT(message_of<ConfigError>([&] { submit({"submit.nodes=1"}); }),
              HasSubstr("sbatch cannot be started"));
}

TEST_F(Verbs, SubmitNamesAFolderThatCannotBeWritten) {
  std::ofstream(commands_.folder() / "file") << "in the way";
  const std::string message =
      message_of<DataError>([&] { submit({"run.dir=" + (commands_.folder() / "file/run").string()}); });
  EXPECT_THAT(message, HasSubstr((commands_.folder() / "file/run").string()));
}

TEST_F(Verbs, SubmitRefusesAWrongOptionBeforeItWritesAnything) {
  EXPECT_THAT(message_of<ConfigError>([&] { submit({"submit.nodez=2"}); }), HasSubstr("did you mean nodes?"));
  EXPECT_THAT(message_of<ConfigError>([&] { submit({"submit.launcher=ssh"}); }),
              HasSubstr("choices: srun, mpirun"));
  EXPECT_FALSE(fs::exists(commands_.folder() / "runs"));
}

TEST_F(Verbs, TwoJobsHaveTheSameDataAndTheSecondWaits) {
  commands_.add("sbatch", "echo x >> $FOLDER/count; echo $((4710 + $(wc -l < $FOLDER/count)))");
  const fs::path first = commands_.folder() / "runs/first";
  const Strings given = {"data.fold=3", "data.root=shards", "noise.level=300", "submit.nodes=3",
                         "submit.after=['run.dir=" + first.string() + "']"};
  EXPECT_EQ(output_of([&] { submit(given); }), "4711\n4712\n");
  EXPECT_EQ(read_file(first / ".hydra/overrides.yaml"),
            "- data.fold=3\n- data.root=shards\n- submit.nodes=3\n- run.dir=" + first.string() + "\n");
  const fs::path second = commands_.folder() / "runs/one";
  EXPECT_THAT(read_file(second / "job.sbatch"), HasSubstr("--dependency=afterok:4711\n"));
  EXPECT_THAT(read_file(first / "job.sbatch"), Not(HasSubstr("--dependency")));
}

TEST_F(Verbs, TwoJobsWithOtherFoldsAreRefused) {
  const std::string dir = "'run.dir=" + (commands_.folder() / "runs/first").string() + "'";
  const auto refusal_of = [&](const std::string& after, const std::string& more) {
    return message_of<ConfigError>([&] { submit({"--dry-run", "submit.after=[" + after + "]", more}); });
  };
  EXPECT_THAT(refusal_of(dir + ",'data.fold=2'", "seed=1"),
              HasSubstr("submit.after: the two jobs differ in data.fold"));
  EXPECT_THAT(refusal_of(dir, "~data.fold"), HasSubstr("no error"));
  EXPECT_THAT(refusal_of(dir + ",'noise.level=0'", "seed=1"), HasSubstr("submit.after: noise.level"));
  // Folds that come from a file and not from the command line.
  const fs::path experiment = commands_.folder() / "configs/experiment";
  fs::create_directories(experiment);
  std::ofstream(experiment / "folds.yaml")
      << "# @package _global_\ndata: {fold: 1}\nsubmit: {after: [" << dir << "]}\n";
  EXPECT_THAT(message_of<ConfigError>([&] {
                submit({"--dry-run", "+experiment=folds"});
              }),
              HasSubstr("the two jobs differ in data.fold"));
}

TEST_F(Verbs, AFirstJobWhoseSecondIsRefusedIsNamed) {
  commands_.add("sbatch",
                "[ -e $FOLDER/count ] && { echo 'sbatch: error: too many jobs' >&2; exit 1; }; touch "
                "$FOLDER/count; echo 4711");
  const std::string after = "submit.after=['run.dir=" + (commands_.folder() / "runs/first").string() + "']";
  testing::internal::CaptureStderr();
  std::string message;
  output_of([&] { message = message_of<ConfigError>([&] { submit({after}); }); });
  EXPECT_THAT(message, HasSubstr("too many jobs"));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("`scancel 4711` ends it"));
}

TEST_F(Verbs, LocalSweepRunsEveryTrialAndCollectsOneTable) {
  EXPECT_EQ(sweep({"noise.level=249,499", "run.name=a,b"}), 0);
  const SweepLedger ledger = SweepLedger::read(sweep_dir_);
  ASSERT_EQ(ledger.trials.size(), 4u);
  for (const SweepTrial& trial : ledger.trials) EXPECT_EQ(trial.status, "finished");
  EXPECT_THAT(output_of([&] {
                sweep({"status", sweep_dir_.string()});
              }),
              HasSubstr("| 3 | 499 | b | finished |"));
  EXPECT_EQ(
      output_of([&] {
        sweep({"collect", sweep_dir_.string()});
      }),
      "| trial | noise.level | run.name | status | set | step | samples | dice | auprc | auroc | loss |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|\n"
      "| 0 | 249 | a | finished | val | 10 | 320 | 0.249 |  |  | 0.5 |\n"
      "| 1 | 249 | b | finished | val | 10 | 320 | 0.249 |  |  | 0.5 |\n"
      "| 2 | 499 | a | finished | val | 10 | 320 | 0.499 |  |  | 0.5 |\n"
      "| 3 | 499 | b | finished | val | 10 | 320 | 0.499 |  |  | 0.5 |\n");
  EXPECT_THAT(read_file(sweep_dir_ / "results.csv"), HasSubstr("1,249,b,finished,val,10,320,0.249,,,0.5\n"));
}

void write_summary(const fs::path& run_dir, const std::string& step, double dice) {
  fs::create_directories(run_dir / "evaluation" / step);
  write_file_atomically(
      run_dir / "evaluation" / step / "summary.json",
      R"([{"method": "model", "set": "val", "stage": "validation", "overrides": ["noise=simplex"], "dice": {"mean": 0.9}},
          {"method": "model", "set": "mslub", "stage": "test", "overrides": ["noise=simplex"], "l1_ratio_of_means": 4.5,
           "dice": {"mean": )" +
          std::to_string(dice) +
          R"(}}, {"method": "model", "set": "ixi", "stage": "reconstruction", "overrides": ["noise=simplex"],
           "l1": {"mean": 0.01}, "psnr": {"mean": 34.5}, "ssim": {"mean": 0.968}}])");
}

TEST_F(Verbs, CollectGivesMeansOverSeedsInThePapersLayout) {
  EXPECT_EQ(sweep({"noise.level=249,499", "seed=1,2"}), 0);
  const SweepLedger ledger = SweepLedger::read(sweep_dir_);
  const auto run_dir = [&](std::size_t trial) { return ledger.trials[trial].run_dir; };
  EXPECT_TRUE(evaluation_table(ledger).rows.empty());  // nothing evaluated yet
  write_summary(run_dir(0), "step-000000010", 0.30);
  write_summary(run_dir(1), "step-000000010", 0.40);
  write_summary(run_dir(2), "step-000000010", 0.99);
  write_summary(run_dir(2), "step-000000020", 0.50);  // the later checkpoint counts
  const std::string printed = output_of([&] { sweep({"collect", sweep_dir_.string()}); });
  EXPECT_THAT(printed, HasSubstr("| noise.level | evaluation | method | trials | ixi SSIM % | ixi PSNR dB | "
                                 "ixi l1 e-3 | mslub Dice % | "
                                 "mslub AUPRC % | mslub l1-ratio |\n"));
  EXPECT_THAT(printed,
              HasSubstr("| 249 | noise=simplex | model | 2 | 96.80 +- 0.00 | 34.50 +- 0.00 | 10.00 +- 0.00 | "
                        "35.00 +- 5.00 |  | 4.50 +- 0.00 |\n"));
  EXPECT_THAT(printed,
              HasSubstr("| 499 | noise=simplex | model | 1 | 96.80 +- 0.00 | 34.50 +- 0.00 | 10.00 +- 0.00 | "
                        "50.00 +- 0.00 |"));
  EXPECT_THAT(read_file(sweep_dir_ / "evaluation.csv"), HasSubstr("249,noise=simplex,model,2,"));
  const std::string latex = read_file(sweep_dir_ / "evaluation.tex");
  EXPECT_THAT(latex, HasSubstr("35.00\\,$\\pm$\\,5.00"));
  EXPECT_THAT(latex, HasSubstr("mslub Dice \\% & "));
  write_file_atomically(run_dir(0) / "evaluation" / "step-000000010" / "summary.json", "[{");
  EXPECT_THAT(message_of<DataError>([&] { evaluation_table(ledger); }), HasSubstr("is damaged"));
}

TEST_F(Verbs, CollectNamesASummaryInWhichSomethingIsMissing) {
  EXPECT_EQ(sweep({"noise.level=249,499"}), 0);
  const SweepLedger ledger = SweepLedger::read(sweep_dir_);
  const fs::path folder = ledger.trials[1].run_dir / "evaluation" / "step-1";
  fs::create_directories(folder);
  for (const char* text :
       {"[]", "{}", "null", R"([{"overrides": []}])", R"([{"overrides": [], "stage": "test"}])",
        R"([{"overrides": [], "stage": "test", "method": "model"}])",
        R"([{"overrides": [], "stage": 1, "method": "model", "set": "val"}])",
        R"([{"overrides": [], "stage": "test", "method": "model", "set": "val", "dice": {"std": 1}}])",
        R"([{"overrides": [], "stage": "test", "method": "model", "set": "val", "dice": "high"}])"}) {
    write_file_atomically(folder / "summary.json", text);
    EXPECT_THAT(message_of<DataError>([&] { evaluation_table(ledger); }),
                testing::AllOf(HasSubstr((folder / "summary.json").string()), HasSubstr("is damaged")))
        << text;
  }
}

TEST_F(Verbs, CollectCountsTheTrialsThatHaveTheMethod) {
  EXPECT_EQ(sweep({"seed=1,2"}), 0);
  const SweepLedger ledger = SweepLedger::read(sweep_dir_);
  const auto write = [&](std::size_t trial, const std::string& folder, const std::string& methods) {
    const fs::path path = ledger.trials[trial].run_dir / "evaluation" / folder;
    fs::create_directories(path);
    write_file_atomically(path / "summary.json", "[" + methods + "]");
  };
  const auto entry = [](const std::string& method) {
    return R"({"overrides": [], "stage": "test", "set": "val", "dice": 0.5, "method": ")" + method + "\"}";
  };
  write(0, "step-1", entry("model"));
  write(0, "step-1-baselines", entry("model") + "," + entry("intensity"));
  write(1, "step-1", entry("model"));
  const SweepTable table = evaluation_table(ledger);
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_THAT(table.rows[0], testing::ElementsAre("", "intensity", "1", "50.00 +- 0.00", "", ""));
  EXPECT_THAT(table.rows[1], testing::ElementsAre("", "model", "2", "50.00 +- 0.00", "", ""));
}

TEST_F(Verbs, FailedTrialIsReportedAndResumed) {
  EXPECT_EQ(sweep({"noise.level=1,2", "fake.exit_code=0,3"}), 3);
  SweepLedger ledger = SweepLedger::read(sweep_dir_);
  EXPECT_EQ(ledger.trials[0].status, "finished");
  EXPECT_EQ(ledger.trials[1].status, "failed");
  EXPECT_EQ(ledger.trials[1].exit_code, 3);
  EXPECT_EQ(ledger.trials[2].status, "finished");
  for (const int number : {1, 3}) {  // the cause is repaired
    const fs::path config = ledger.trials[static_cast<std::size_t>(number)].run_dir / "config.yaml";
    std::string text = read_file(config);
    text.replace(text.find("exit_code: 3"), 12, "exit_code: 0");
    write_file_atomically(config, text);
  }
  EXPECT_EQ(sweep({"resume", sweep_dir_.string()}), 0);
  EXPECT_EQ(SweepLedger::read(sweep_dir_).trials[3].status, "finished");
}

TEST_F(Verbs, StoppedTrialStopsTheSweep) {
  EXPECT_EQ(sweep({"noise.level=1,2", "fake.exit_code=85"}), 85);
  const SweepLedger ledger = SweepLedger::read(sweep_dir_);
  EXPECT_EQ(ledger.trials[0].status, "stopped");
  EXPECT_EQ(ledger.trials[1].status, "waiting");
}

TEST_F(Verbs, OneBadTrialStartsNone) {
  const std::string message = message_of<ConfigError>([&] { sweep({"noise.level=249,0"}); });
  EXPECT_THAT(message,
              HasSubstr("trial 1 (noise.level=0): noise.level (override noise.level=0) is the number 0"));
  EXPECT_THAT(message, HasSubstr("no trial was started"));
  EXPECT_FALSE(fs::exists(sweep_dir_));
}

TEST_F(Verbs, SweepDryRunPrintsTheTrialsAndWritesNothing) {
  EXPECT_EQ(output_of([&] {
              sweep({"noise.level=249,499", "--dry-run"});
            }),
            "| trial | noise.level |\n|---|---|\n| 0 | 249 |\n| 1 | 499 |\n");
  EXPECT_FALSE(fs::exists(sweep_dir_));
}

TEST_F(Verbs, SweepTakesHydrasFunctionsAndNamesItsFoldersAsAsked) {
  EXPECT_EQ(sweep({"noise.level=range(100,400,100)", "run.name=sort(b,a)",
                   "hydra.sweep.subdir='${hydra.job.override_dirname}'",
                   "hydra.job.config.override_dirname.exclude_keys=[sweep.dir]"}),
            0);
  const SweepLedger ledger = SweepLedger::read(sweep_dir_);
  ASSERT_EQ(ledger.trials.size(), 6u);
  EXPECT_EQ(ledger.trials[3].overrides, (Strings{"noise.level=200", "run.name=b"}));
  EXPECT_EQ(ledger.trials[3].run_dir, sweep_dir_ / "noise.level=200,run.name=b");
  EXPECT_EQ(read_file(ledger.trials[3].run_dir / ".hydra/overrides.yaml"),
            "- noise.level=200\n- run.name=b\n- sweep.dir=" + sweep_dir_.string() + "\n");
}

TEST_F(Verbs, SweepRefusesWhatCannotVary) {
  const auto message = [&](const char* text) {
    return message_of<ConfigError>([&] { sweep({text, "run.name=a,b"}); });
  };
  EXPECT_THAT(message("sweep.name=a,b"), HasSubstr("sweep.name is an option of the whole sweep"));
  EXPECT_THAT(message("++submit.nodes=1,2"), HasSubstr("submit.nodes is an option of the whole sweep"));
  EXPECT_THAT(message("run.dir=here"), HasSubstr("a sweep gives each trial its run.dir"));
  EXPECT_THAT(message("hydra.job.name=a,b"), HasSubstr("takes one value for the whole sweep"));
  EXPECT_THAT(message("noise.level=interval(1,5)"), HasSubstr("use range() or choice()"));
  EXPECT_THAT(message("noise.level=range(5,5)"), HasSubstr("range() has no value"));
  EXPECT_THAT(message("submit.after=['seed=1']"),
              HasSubstr("makes two jobs of a run, which a sweep does not"));
  EXPECT_THAT(message("hydra.sweep.subdir=same"), HasSubstr("two trials have the folder"));
  EXPECT_FALSE(fs::exists(sweep_dir_));
}

TEST_F(Verbs, SweepOnSeveralRanksIsRefused) {
  setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  setenv("PMIX_RANK", "0", 1);
  EXPECT_THAT(message_of<ConfigError>([&] { sweep({"noise.level=1,2"}); }),
              HasSubstr("a sweep was started on 2 ranks; start it once, sweep.ranks=2"));
  unsetenv("OMPI_COMM_WORLD_SIZE");
  unsetenv("PMIX_RANK");
}

TEST_F(Verbs, SecondSweepInTheSameFolderIsRefused) {
  sweep({"noise.level=1,2"});
  EXPECT_THAT(message_of<ConfigError>([&] { sweep({"noise.level=3,4"}); }),
              HasSubstr("holds a sweep already"));
}

TEST_F(Verbs, SlurmSweepIsOneArray) {
  commands_.add("sbatch", "echo 99");
  EXPECT_EQ(output_of([&] {
              sweep({"noise.level=1,2,3", "sweep.launcher=slurm", "sweep.max_parallel=2"});
            }),
            "99\n");
  EXPECT_THAT(read_file(sweep_dir_ / "job.sbatch"), HasSubstr("#SBATCH --array=0-2%2\n"));
  const SweepLedger ledger = SweepLedger::read(sweep_dir_);
  EXPECT_EQ(ledger.job, "99");
  EXPECT_EQ(ledger.trials[2].status, "submitted");
  EXPECT_TRUE(fs::exists(ledger.trials[2].run_dir / "config.yaml"));
}

TEST_F(Verbs, DamagedLedgerIsNamed) {
  EXPECT_THAT(message_of<DataError>([&] {
                sweep({"status", sweep_dir_.string()});
              }),
              HasSubstr("is no folder of a sweep"));
  fs::create_directories(sweep_dir_);
  std::ofstream(sweep_dir_ / "sweep.json") << "{\"format\": 1";
  EXPECT_THAT(message_of<DataError>([&] {
                sweep({"status", sweep_dir_.string()});
              }),
              HasSubstr("sweep.json is damaged"));
  std::ofstream(sweep_dir_ / "sweep.json") << "{\"format\": 2}";
  EXPECT_THAT(message_of<DataError>([&] {
                sweep({"status", sweep_dir_.string()});
              }),
              HasSubstr("has format 2"));
}

TEST_F(Verbs, KilledTrialIsNotCalledRunning) {
  SweepTrial trial;
  trial.run_dir = commands_.folder();
  std::ofstream(trial.run_dir / "state.json") << R"({"status": "running"})";
  EXPECT_EQ(SweepLedger::status_of(trial), "running");
  trial.status = "stopped";
  EXPECT_EQ(SweepLedger::status_of(trial), "stopped");
}

TEST_F(Verbs, ReplayedStepsCountOnceAndHalfALineIsIgnored) {
  SweepLedger ledger;
  SweepTrial trial;
  trial.run_dir = commands_.folder();
  ledger.trials = {trial};
  std::ofstream(commands_.folder() / "metrics.jsonl")
      << R"({"kind":"validation","step":10,"dice":0.1,"set":"val"})"
      << "\n"
      << R"({"kind":"train","step":11,"loss":9})"
      << "\n"
      << R"({"kind":"validation","step":20,"dice":0.2,"set":"val"})"
      << "\n"
      << R"({"kind":"validation","step":20,"dice":0.3,"set":"val"})"
      << "\n"  // replayed after a resume
      << R"({"kind":"validation","step":30,"di)";
  const SweepTable table = results_table(ledger);
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.rows[0], (Strings{"0", "waiting", "val", "20", "", "0.3", "", "", ""}));
}

}  // namespace
}  // namespace gyrus
