#include "slurm/submit.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "launch/command_line.hpp"
#include "launch/config/node.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "slurm/batch_script.hpp"
#include "slurm/process.hpp"
#include "slurm/scheduler.hpp"

namespace gyrus {
namespace fs = std::filesystem;

fs::path run_dir_of(const Config& config) {
  const ConfigNode* folder = config.root().find_path("run.dir");
  if (!folder || !folder->is_text()) throw ConfigError("run.dir is not set; write run.dir=FOLDER");
  return folder->text;
}

void freeze(const Config& config, const fs::path& run_dir) {
  gyrus::create_directories(run_dir);
  write_file_atomically(run_dir / "config.yaml", config.to_yaml());
  config.write_hydra_files(run_dir);
}

int submit_verb(const std::vector<std::string>& arguments, const CheckConfig& check) {
  CLI::App app("Submit a SLURM job that trains, stops in time, is queued again and resumes", "gyrus submit");
  ConfigArguments given;
  given.add_to(app);
  bool dry_run = false;
  app.add_flag("--dry-run", dry_run, "print the batch script; write and submit nothing");
  if (!parse_arguments(app, arguments)) return 0;

  const Config config = given.compose();
  check(config);
  SubmitOptions options;
  config.bind("submit", options);

  const fs::path run_dir = fs::absolute(run_dir_of(config));
  BatchJob job;
  job.program = this_program();
  job.run_dirs = {run_dir};
  job.output_dir = run_dir;
  job.working_dir = fs::current_path();
  const std::string script = render_batch_script(job, options);
  if (dry_run) {
    fmt::print("{}", script);
    return 0;
  }
  freeze(config, run_dir);
  write_file_atomically(run_dir / "job.sbatch", script);
  fmt::print("{}\n", submit_script(run_dir / "job.sbatch"));
  return 0;
}

}  // namespace gyrus
