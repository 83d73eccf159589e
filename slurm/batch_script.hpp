#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "slurm/submit_options.hpp"

namespace gyrus {

/// One job, or one job array with a task per run directory.
struct BatchJob {
  std::filesystem::path program;                // gyrus itself
  std::vector<std::filesystem::path> run_dirs;  // absolute; each holds its frozen config.yaml
  std::filesystem::path output_dir;             // where SLURM writes what the job prints
  std::filesystem::path working_dir;            // what relative paths of the configuration start from
  bool is_array = false;
  std::int64_t max_parallel = 0;  // array tasks at once; 0: no limit
  std::string after;              // id of a job that has to finish with exit code 0 first; empty: none
};

/// A bash script for sbatch: asks for the resources, starts `gyrus train --frozen RUN_DIR/config.yaml` on all
/// ranks, forwards the early warning to them, and acts on the exit code (launch/exit_code.hpp): 85 (stopped
/// in time), 4 and death by a signal (lost peer) queue the job again, everything else ends it.
std::string render_batch_script(const BatchJob& job, const SubmitOptions& options);

/// `text` as one word of a shell.
std::string quote_for_shell(const std::string& text);

}  // namespace gyrus
