#pragma once

namespace gyrus {

/// What the process tells the scheduler. `slurm/` acts on these numbers and on nothing else; they are a
/// contract.
enum class ExitCode : int {
  finished = 0,
  configuration = 2,    // edit the YAML or the override
  data = 3,             // a file is wrong
  communication = 4,    // a peer died or MPI/NCCL failed: worth a requeue
  internal = 5,         // our own bug
  stopped_early = 85,   // a good checkpoint is on disk: requeue me
  do_not_requeue = 93,  // no progress possible: corrupt state, impossible plan
};

}  // namespace gyrus
