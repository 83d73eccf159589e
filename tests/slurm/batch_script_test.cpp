// What the batch script asks for, and what it does with each exit code: the rendered script runs with fake
// launchers.
#include "slurm/batch_script.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "slurm/process.hpp"
#include "stand_in.hpp"

namespace gyrus {
namespace {

using testing::HasSubstr;
using testing::Not;

BatchJob one_run() {
  BatchJob job;
  job.program = "/opt/gyrus";
  job.run_dirs = {"/runs/first run"};
  job.output_dir = "/runs/first run";
  job.working_dir = "/home/someone";
  return job;
}

TEST(BatchScript, AsksForWhatTheOptionsSay) {
  SubmitOptions options;
  options.partition = "gpu";
  options.nodes = 2;
  options.tasks_per_node = 4;
  options.gpus_per_node = 4;
  options.cpus_per_task = 8;
  options.time = "12:00:00";
  options.signal_seconds = 300;
  options.pre_commands = {"module load openmpi"};
  options.arguments = {"--constraint=a100"};
  const std::string script = render_batch_script(one_run(), options);
  for (const char* line :
       {"#!/bin/bash\n", "#SBATCH --partition=gpu\n", "#SBATCH --nodes=2\n", "#SBATCH --ntasks-per-node=4\n",
        "#SBATCH --gpus-per-node=4\n", "#SBATCH --cpus-per-task=8\n", "#SBATCH --time=12:00:00\n",
        "#SBATCH --signal=B:USR1@300\n", "#SBATCH --requeue\n", "#SBATCH --open-mode=append\n",
        "#SBATCH --output='/runs/first run/slurm-%j.out'\n", "#SBATCH --constraint=a100\n",
        "\nmodule load openmpi\n",
        "\nsrun --mpi=pmix --cpus-per-task=\"$cpus_per_task\" \"$program\" train --frozen "
        "\"$run_dir/config.yaml\" &\n"}) {
    EXPECT_THAT(script, HasSubstr(line));
  }
  EXPECT_THAT(script, Not(HasSubstr("--account")));
  EXPECT_THAT(script, Not(HasSubstr("--array")));
}

TEST(BatchScript, WaitsForTheJobBeforeIt) {
  BatchJob job = one_run();
  job.after = "4711";
  const std::string script = render_batch_script(job, SubmitOptions{});
  EXPECT_THAT(script, HasSubstr("#SBATCH --dependency=afterok:4711\n#SBATCH --kill-on-invalid-dep=yes\n"));
  EXPECT_THAT(render_batch_script(one_run(), SubmitOptions{}), Not(HasSubstr("--dependency")));
}

TEST(BatchScript, StartsMpirunByChoice) {
  SubmitOptions options;
  options.launcher = "mpirun";
  options.requeue = false;
  const std::string script = render_batch_script(one_run(), options);
  EXPECT_THAT(script, HasSubstr("\nmpirun \"$program\" train"));
  EXPECT_THAT(script, Not(HasSubstr("srun")));
  EXPECT_THAT(script, HasSubstr("#SBATCH --no-requeue\n"));
}

TEST(BatchScript, ArrayTaskTakesItsOwnRun) {
  BatchJob job = one_run();
  job.run_dirs = {"/runs/a", "/runs/b's", "/runs/c"};
  job.is_array = true;
  job.max_parallel = 2;
  const std::string script = render_batch_script(job, {});
  EXPECT_THAT(script, HasSubstr("#SBATCH --array=0-2%2\n"));
  EXPECT_THAT(script, HasSubstr("  '/runs/b'\\''s'\n"));
  EXPECT_THAT(script, HasSubstr("run_dir=${run_dirs[$SLURM_ARRAY_TASK_ID]}\n"));
}

/// Runs the rendered script as SLURM would, with a launcher that ends with a given exit code.
class BatchScriptRun : public testing::Test {
 protected:
  void SetUp() override {
    setenv("SLURM_JOB_ID", "77", 1);
    unsetenv("SLURM_RESTART_COUNT");
    // Like SLURM, requeueing ends the script.
    commands_.add("scontrol", "echo \"$@\" >> $FOLDER/scontrol.log; kill -KILL $PPID");
  }

  int run(const std::string& launcher_body) {
    commands_.add(options_.launcher, launcher_body);
    BatchJob job = one_run();
    job.run_dirs = {commands_.folder()};
    std::ofstream(commands_.folder() / "job.sbatch") << render_batch_script(job, options_);
    return run_and_capture({"bash", (commands_.folder() / "job.sbatch").string()}).exit_code;
  }
  bool was_requeued() const { return commands_.read("scontrol.log") == "requeue 77\n"; }

  test::FakeCommands commands_;
  SubmitOptions options_;
};

TEST_F(BatchScriptRun, FinishedConfigurationDataInternalAndFatalErrorsEndTheJob) {
  for (const int code : {0, 1, 2, 3, 5, 93}) {
    EXPECT_EQ(run("exit " + std::to_string(code)), code);
    EXPECT_EQ(commands_.read("scontrol.log"), "") << code;
  }
}

TEST_F(BatchScriptRun, StoppedInTimeAndLostPeersAreQueuedAgain) {
  for (const int code : {85, 4, 137, 143, 205}) {
    std::filesystem::remove(commands_.folder() / "scontrol.log");
    run("exit " + std::to_string(code));
    EXPECT_TRUE(was_requeued()) << code;
  }
}

TEST_F(BatchScriptRun, WithoutRequeueTheCodeIsReported) {
  options_.requeue = false;
  EXPECT_EQ(run("exit 85"), 85);
  EXPECT_FALSE(was_requeued());
}

TEST_F(BatchScriptRun, RequeuesAreBounded) {
  options_.max_requeues = 3;
  setenv("SLURM_RESTART_COUNT", "2", 1);
  run("exit 4");
  EXPECT_TRUE(was_requeued());
  std::filesystem::remove(commands_.folder() / "scontrol.log");
  setenv("SLURM_RESTART_COUNT", "3", 1);
  EXPECT_EQ(run("exit 85"), 93);  // 85 itself would be queued again by a cluster with RequeueExit=85
  EXPECT_FALSE(was_requeued());
}

TEST_F(BatchScriptRun, LauncherGetsTheFrozenConfigurationAndItsCores) {
  options_.cpus_per_task = 6;
  EXPECT_EQ(run("printf '%s\\n' \"$@\" > $FOLDER/arguments"), 0);
  EXPECT_EQ(commands_.read("arguments"), "--mpi=pmix\n--cpus-per-task=6\n/opt/gyrus\ntrain\n--frozen\n" +
                                             (commands_.folder() / "config.yaml").string() + "\n");
}

TEST_F(BatchScriptRun, WarningReachesTheLauncherAndItsExitCodeCounts) {
  for (const char* launcher : {"srun", "mpirun"}) {
    options_.launcher = launcher;
    std::filesystem::remove(commands_.folder() / "scontrol.log");
    // The launcher takes a while to write its checkpoint; the script must wait for it. The warning comes from
    // SLURM to the script, here from the launcher's own background process.
    run("trap 'sleep 0.3; touch $FOLDER/warned; exit 85' USR1; (sleep 0.2; kill -USR1 $PPID) & "
        "for i in $(seq 100); do sleep 0.1; done");
    EXPECT_TRUE(std::filesystem::exists(commands_.folder() / "warned")) << launcher;
    EXPECT_TRUE(was_requeued()) << launcher;
    std::filesystem::remove(commands_.folder() / "warned");
  }
}

TEST(Process, ReportsOutputErrorsAndSignals) {
  const ProcessResult result = run_and_capture({"bash", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(run_and_capture({"bash", "-c", "kill -KILL $$"}).exit_code, 137);
  EXPECT_EQ(run_and_capture({"no-such-program"}).exit_code, 127);
  EXPECT_THAT(run_and_capture({"no-such-program"}).errors, HasSubstr("No such file"));
}

}  // namespace
}  // namespace gyrus
