#include "slurm/batch_script.hpp"

#include <fmt/format.h>

namespace gyrus {
namespace {

/// Everything that SLURM reads before the first command.
std::string render_directives(const BatchJob& job, const SubmitOptions& options) {
  std::string text;
  const auto add = [&](const std::string& argument) { text += "#SBATCH " + argument + "\n"; };
  const auto add_if_given = [&](const char* name, const std::string& value) {
    if (!value.empty()) add(fmt::format("--{}={}", name, value));
  };
  add_if_given("job-name", options.job_name);
  add_if_given("partition", options.partition);
  add_if_given("account", options.account);
  add_if_given("qos", options.qos);
  add(fmt::format("--nodes={}", options.nodes));
  add(fmt::format("--ntasks-per-node={}", options.tasks_per_node));
  add(fmt::format("--cpus-per-task={}", options.cpus_per_task));
  if (options.gpus_per_node > 0) add(fmt::format("--gpus-per-node={}", options.gpus_per_node));
  add_if_given("time", options.time);
  add(fmt::format("--signal=B:USR1@{}", options.signal_seconds));
  add(options.requeue ? "--requeue" : "--no-requeue");
  add("--open-mode=append");
  // Relative paths mean the same wherever sbatch is typed.
  add("--chdir=" + quote_for_shell(job.working_dir.string()));
  if (!job.after.empty()) {
    add("--dependency=afterok:" + job.after);
    add("--kill-on-invalid-dep=yes");
  }
  if (job.is_array) {
    const std::string limit = job.max_parallel > 0 ? fmt::format("%{}", job.max_parallel) : "";
    add(fmt::format("--array=0-{}{}", job.run_dirs.size() - 1, limit));
  }
  const std::string pattern = job.is_array ? "slurm-%A_%a.out" : "slurm-%j.out";
  add("--output=" + quote_for_shell((job.output_dir / pattern).string()));
  for (const std::string& argument : options.arguments) add(argument);
  return text;
}

std::string render_run_dir(const BatchJob& job) {
  if (!job.is_array) return fmt::format("run_dir={}\n", quote_for_shell(job.run_dirs.front().string()));
  std::string text = "run_dirs=(\n";
  for (const auto& folder : job.run_dirs) text += "  " + quote_for_shell(folder.string()) + "\n";
  return text + ")\nrun_dir=${run_dirs[$SLURM_ARRAY_TASK_ID]}\n";
}

/// Since SLURM 22.05 srun no longer takes --cpus-per-task from the job.
constexpr const char* start_with_srun =
    R"(srun --mpi=pmix --cpus-per-task="$cpus_per_task" "$program" train --frozen "$run_dir/config.yaml" &)";
constexpr const char* start_with_mpirun = R"(mpirun "$program" train --frozen "$run_dir/config.yaml" &)";

constexpr const char* wait_and_decide = R"(launcher=$!

# `wait` returns early when the warning arrives: wait until the launcher is gone, then ask for its exit code.
while kill -0 "$launcher" 2>/dev/null; do wait "$launcher"; done
wait "$launcher"
code=$?
echo "gyrus: attempt $attempt ended with exit code $code" >&2

# 85: stopped in time with a good checkpoint. 4 or 128 and more: a peer or a node died. All else would end the same way again.
if [ "$code" -ne 85 ] && [ "$code" -ne 4 ] && [ "$code" -lt 128 ]; then exit "$code"; fi
if [ "$requeue" != true ]; then exit "$code"; fi
if [ "$attempt" -ge "$max_requeues" ]; then
  echo "gyrus: not queued again: submit.max_requeues=$max_requeues is reached" >&2
  exit 93
fi
echo "gyrus: queueing job $SLURM_JOB_ID again" >&2
scontrol requeue "$SLURM_JOB_ID" && sleep 60  # SLURM ends this script meanwhile
exit "$code"
)";

}  // namespace

std::string quote_for_shell(const std::string& text) {
  const char* safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=:,+-%@";
  if (!text.empty() && text.find_first_not_of(safe) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string render_batch_script(const BatchJob& job, const SubmitOptions& options) {
  std::string text = "#!/bin/bash\n# Written by `gyrus submit`; docs/running-on-slurm.md explains it.\n";
  text += render_directives(job, options);
  text += "\n";
  text += fmt::format("program={}\n", quote_for_shell(job.program.string()));
  text += render_run_dir(job);
  if (options.launcher == "srun") text += fmt::format("cpus_per_task={}\n", options.cpus_per_task);
  text += fmt::format("requeue={}\nmax_requeues={}\n", options.requeue, options.max_requeues);
  text += "attempt=${SLURM_RESTART_COUNT:-0}\n";
  if (!options.pre_commands.empty()) text += "\n";
  for (const std::string& command : options.pre_commands) text += command + "\n";
  text += "\n# SLURM warns this script alone; the launcher passes the signal on to all ranks.\n";
  text += "launcher=\n";
  text += "trap '[ -z \"$launcher\" ] || kill -USR1 \"$launcher\"' USR1\n";
  text += options.launcher == "srun" ? start_with_srun : start_with_mpirun;
  text += "\n";
  return text + wait_and_decide;
}

}  // namespace gyrus
