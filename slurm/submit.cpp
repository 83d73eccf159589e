#include "slurm/submit.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "launch/command_line.hpp"
#include "launch/config/node.hpp"
#include "launch/config/yaml_writer.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
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

namespace {

/// A run to submit: its checked configuration and what it asks of the scheduler.
struct Submission {
  Config config;
  SubmitOptions options;
  fs::path run_dir;

  static Submission compose(const ConfigArguments& given, const CheckConfig& check) {
    Submission submission{given.compose(), {}, {}};
    check(submission.config);
    submission.config.bind("submit", submission.options);
    submission.run_dir = fs::absolute(run_dir_of(submission.config));
    return submission;
  }

  std::string script(const std::string& after) const {
    BatchJob job;
    job.program = this_program();
    job.run_dirs = {run_dir};
    job.output_dir = run_dir;
    job.working_dir = fs::current_path();
    job.after = after;
    return render_batch_script(job, options);
  }

  /// @returns the job's id
  std::string submit(const std::string& after) const {
    freeze(config, run_dir);
    write_file_atomically(run_dir / "job.sbatch", script(after));
    return submit_script(run_dir / "job.sbatch");
  }
};

/// Whether an override is for both jobs: how to run, and on which data. Other folds or another folder of
/// shards would let the first job learn from what the second one is tested on.
bool is_for_both_jobs(const std::string& text) {
  const std::string key = text.substr(std::min(text.find_first_not_of("+~"), text.size()));
  const bool is_about_data = key.starts_with("data.") || key.starts_with("data=");
  return is_about_data || (key.starts_with("submit.") && !key.starts_with("submit.after"));
}

/// The value at a dotted path as it is written; empty when nothing sets it.
std::string written_at(const Config& config, const char* path) {
  const ConfigNode* node = config.root().find_path(path);
  return node ? write_json(*node) : "";
}

/// Whatever the two were composed from.
void check_same_brains(const Submission& first, const Submission& second) {
  for (const char* path : {"data.root", "data.sources", "data.folds", "data.fold", "data.fold_seed"})
    if (written_at(first.config, path) != written_at(second.config, path))
      throw ConfigError(fmt::format(
          "the two jobs differ in {}: the first one could learn from what the second is tested on; give both "
          "the same",
          path));
}

/// The job that `submit.after` describes.
Submission compose_first(ConfigArguments given, const Submission& second, const CheckConfig& check) {
  std::erase_if(given.overrides, [](const std::string& text) { return !is_for_both_jobs(text); });
  given.overrides.insert(given.overrides.end(), second.options.after.begin(), second.options.after.end());
  try {
    Submission first = Submission::compose(given, check);
    if (!first.options.after.empty())
      throw ConfigError("the job that it describes has a submit.after itself; only two jobs are chained");
    if (first.run_dir == second.run_dir)
      throw ConfigError(
          fmt::format("both jobs have the run.dir {}; give one another run.name", second.run_dir.string()));
    check_same_brains(first, second);
    return first;
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("submit.after: {}", error.what()));
  }
}

}  // namespace

int submit_verb(const std::vector<std::string>& arguments, const CheckConfig& check) {
  CLI::App app("Submit a SLURM job that trains, stops in time, is queued again and resumes", "gyrus submit");
  ConfigArguments given;
  given.add_to(app);
  bool dry_run = false;
  app.add_flag("--dry-run", dry_run, "print the batch scripts; write and submit nothing");
  if (!parse_arguments(app, arguments)) return 0;

  const Submission job = Submission::compose(given, check);
  std::optional<Submission> first;
  if (!job.options.after.empty()) first = compose_first(given, job, check);
  if (dry_run) {
    if (first) fmt::print("{}\n", first->script(""));
    fmt::print("{}", job.script(first ? "ID_OF_THE_JOB_ABOVE" : ""));
    return 0;
  }
  std::string first_id;
  if (first) fmt::print("{}\n", first_id = first->submit(""));
  try {
    fmt::print("{}\n", job.submit(first_id));
  } catch (const Error&) {
    if (first) log::error("job {} was submitted and runs; `scancel {}` ends it", first_id, first_id);
    throw;
  }
  return 0;
}

}  // namespace gyrus
