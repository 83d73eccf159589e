#include "slurm/submit_options.hpp"

namespace gyrus {

void SubmitOptions::fields(Fields& f) {
  const auto rules = [](Rules wanted) {  // where a run runs is no part of what it computes
    wanted.may_change_on_resume = true;
    return wanted;
  };
  f.field("launcher", launcher, "what starts the ranks of the job", rules({.choices = {"srun", "mpirun"}}));
  f.field("job_name", job_name, "name in the queue", rules({}));
  f.field("partition", partition, "partition; empty: the cluster's default", rules({}));
  f.field("account", account, "account that pays; empty: the user's default", rules({}));
  f.field("qos", qos, "quality of service; empty: the cluster's default", rules({}));
  f.field("nodes", nodes, "nodes of the job", rules({.min = 1.0}));
  f.field("tasks_per_node", tasks_per_node, "ranks per node; with GPUs, one per GPU", rules({.min = 1.0}));
  f.field("gpus_per_node", gpus_per_node, "GPUs per node; 0 asks for none", rules({.min = 0.0}));
  f.field("cpus_per_task", cpus_per_task, "cores per rank", rules({.min = 1.0}));
  f.field("time", time, "wall-clock limit, quoted as sbatch takes it; empty: the partition's limit",
          rules({}));
  f.field("signal_seconds", signal_seconds, "warning before the limit, to write a checkpoint in",
          rules({.min = 1.0, .max = 65535.0, .unit = "seconds"}));
  f.field("requeue", requeue, "queue the job again when it stopped in time or lost a peer", rules({}));
  f.field("max_requeues", max_requeues, "give up after this many restarts", rules({.min = 0.0}));
  f.field("pre_commands", pre_commands, "shell lines before the launcher: module load, export", rules({}));
  f.field("arguments", arguments, "further #SBATCH arguments, such as --constraint=a100", rules({}));
  f.field(
      "after", after,
      "overrides of a job that is submitted too and has to finish before this one starts, as a pre-training "
      "does; it takes the submit.* and data overrides of this one",
      rules({}));
}

void SweepOptions::fields(Fields& f) {
  f.field("name", name, "name of the sweep", {.may_change_on_resume = true});
  f.field("dir", dir, "folder of the ledger and the runs", {.may_change_on_resume = true});
  f.field("launcher", launcher, "local: one trial after another here; slurm: one job array",
          {.choices = {"local", "slurm"}, .may_change_on_resume = true});
  f.field("ranks", ranks, "ranks of each local trial; more than 1 are started by mpirun",
          {.min = 1.0, .may_change_on_resume = true});
  f.field("max_parallel", max_parallel, "trials of a job array that may run at once; 0: no limit",
          {.min = 0.0, .may_change_on_resume = true});
}

}  // namespace gyrus
