#include "slurm/sweep.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <set>

#include "launch/command_line.hpp"
#include "launch/config/binder.hpp"
#include "launch/config/composer.hpp"
#include "launch/config/multirun.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "slurm/batch_script.hpp"
#include "slurm/evaluation_table.hpp"
#include "slurm/process.hpp"
#include "slurm/scheduler.hpp"
#include "slurm/submit_options.hpp"
#include "slurm/sweep_ledger.hpp"
#include "slurm/sweep_table.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

/// A sweep whose trials have all been composed and checked.
struct PreparedSweep {
  SweepLedger ledger;
  std::vector<Config> configs;  // per trial
  fs::path folder;              // absolute
};

/// The overrides of a trial that differ between trials.
std::vector<std::string> varying(const SweepJob& job, const std::vector<std::string>& keys) {
  std::vector<std::string> overrides;
  for (const std::string& text : job.overrides)
    if (std::ranges::find(keys, text.substr(0, text.find('='))) != keys.end()) overrides.push_back(text);
  return overrides;
}

/// What is set once for all trials, by its dotted path.
std::map<std::string, std::string> options_of_sweep(const Config& config) {
  SubmitOptions submit;
  SweepOptions sweep;
  config.bind("submit", submit);
  config.bind("sweep", sweep);
  std::map<std::string, std::string> values;
  for (const OptionDescription& option : describe_options([&](Fields& fields) {
         fields.group("submit", submit);
         fields.group("sweep", sweep);
       }))
    values[option.path] = option.default_text;
  return values;
}

void check_equal_for_all(const Config& first, const Config& other) {
  const auto wanted = options_of_sweep(first);
  for (const auto& [path, value] : options_of_sweep(other))
    if (wanted.at(path) != value)
      throw ConfigError(fmt::format("{} is an option of the whole sweep and takes one value, not {} and {}",
                                    path, wanted.at(path), value));
}

void refuse_run_dir(const SweepJob& job) {
  for (const std::string& text : job.overrides)
    if (parse_override(text).key == "run.dir")
      throw ConfigError(
          "a sweep gives each trial its run.dir; hydra.sweep.dir and hydra.sweep.subdir choose the folders");
}

void refuse_two_jobs(const Config& trial) {
  SubmitOptions options;
  trial.bind("submit", options);
  if (!options.after.empty())
    throw ConfigError(
        "submit.after makes two jobs of a run, which a sweep does not; run the first one by itself and give "
        "submit.after=[] and what this one takes of it, as in model.encoder.init=FOLDER");
}

/// The trial's configuration, writing into `run_dir`.
Config config_of_trial(SweepJob& job, const fs::path& run_dir) {
  apply_override(job.root, parse_override(fmt::format("run.dir='{}'", run_dir.string())),
                 /*allow_new_keys=*/true);
  return config_of(std::move(job.root));
}

PreparedSweep prepare(const ConfigArguments& given, const CheckConfig& check) {
  Multirun multirun = compose_multirun(given.request());
  refuse_run_dir(multirun.jobs.front());
  SweepOptions options;
  config_of(multirun.jobs.front().root).bind("sweep", options);
  PreparedSweep sweep;
  sweep.folder = fs::absolute(options.dir).lexically_normal();
  sweep.ledger.name = options.name;
  sweep.ledger.launcher = options.launcher;
  sweep.ledger.varying_keys = multirun.varying_keys;
  std::set<fs::path> folders;
  for (SweepJob& job : multirun.jobs) {
    SweepTrial trial;
    trial.number = static_cast<int>(sweep.configs.size());
    trial.overrides = varying(job, multirun.varying_keys);
    trial.run_dir = sweep.folder / job.subdir;
    if (!folders.insert(trial.run_dir).second)
      throw ConfigError(
          fmt::format("two trials have the folder {}: hydra.sweep.subdir must differ for each, "
                      "as ${{hydra.job.num}} does",
                      trial.run_dir.string()));
    try {
      sweep.configs.push_back(config_of_trial(job, trial.run_dir));
      check(sweep.configs.back());
      refuse_two_jobs(sweep.configs.back());
      check_equal_for_all(sweep.configs.front(), sweep.configs.back());
    } catch (const ConfigError& error) {
      throw ConfigError(fmt::format("trial {} ({}): {}; no trial was started", trial.number,
                                    fmt::join(trial.overrides, " "), error.what()));
    }
    sweep.ledger.trials.push_back(std::move(trial));
  }
  return sweep;
}

/// Runs what has not finished, one trial after another. A failed trial does not keep the others from running;
/// one that was stopped does, because whoever stopped it means the sweep.
int run_locally(SweepLedger& ledger, const fs::path& folder, std::int64_t ranks) {
  int worst = 0;
  for (SweepTrial& trial : ledger.trials) {
    if (SweepLedger::status_of(trial) == "finished") continue;
    log::info("trial {} ({} in all): {}", trial.number, ledger.trials.size(),
              fmt::join(trial.overrides, " "));
    trial.status = "running";
    ledger.write(folder);
    std::vector<std::string> command;
    if (ranks > 1) command = {"mpirun", "-np", std::to_string(ranks)};
    const std::string config = (trial.run_dir / "config.yaml").string();
    command.insert(command.end(), {this_program().string(), "train", "--frozen", config});
    trial.exit_code = run_and_wait(command);
    const bool was_stopped =
        trial.exit_code == static_cast<int>(ExitCode::stopped_early) || trial.exit_code >= 128;
    trial.status = trial.exit_code == 0 ? "finished" : was_stopped ? "stopped" : "failed";
    ledger.write(folder);
    if (was_stopped) return trial.exit_code;
    if (trial.exit_code != 0) {
      log::error("trial {} ended with exit code {}", trial.number, trial.exit_code);
      worst = trial.exit_code;
    }
  }
  return worst;
}

/// One job array over the trials that have not finished; prints its id.
void submit_array(SweepLedger& ledger, const fs::path& folder, const SubmitOptions& submit,
                  std::int64_t max_parallel) {
  BatchJob job;
  job.program = this_program();
  job.output_dir = folder;
  job.working_dir = fs::current_path();
  job.is_array = true;
  job.max_parallel = max_parallel;
  for (const SweepTrial& trial : ledger.trials) {
    if (SweepLedger::status_of(trial) != "finished") job.run_dirs.push_back(trial.run_dir);
  }
  if (job.run_dirs.empty()) return log::info("every trial has finished");
  write_file_atomically(folder / "job.sbatch", render_batch_script(job, submit));
  ledger.job = submit_script(folder / "job.sbatch");
  for (SweepTrial& trial : ledger.trials) {
    if (SweepLedger::status_of(trial) != "finished") trial.status = "submitted";
  }
  ledger.write(folder);
  fmt::print("{}\n", ledger.job);
}

int start(SweepLedger& ledger, const fs::path& folder, const Config& config) {
  SweepOptions options;
  config.bind("sweep", options);
  if (ledger.launcher == "local") return run_locally(ledger, folder, options.ranks);
  SubmitOptions submit;
  config.bind("submit", submit);
  submit_array(ledger, folder, submit, options.max_parallel);
  return 0;
}

/// A sweep starts ranks by itself; started on several ranks it would run as often.
void refuse_several_ranks() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const char* size = std::getenv(name);
    const bool in_step = std::getenv("PMIX_RANK") != nullptr;
    if (size && in_step && std::atoi(size) > 1)
      throw ConfigError(
          fmt::format("a sweep was started on {} ranks; start it once, sweep.ranks={} gives each trial its "
                      "ranks",
                      size, size));
  }
}

int resume(const fs::path& folder) {
  SweepLedger ledger = SweepLedger::read(folder);
  if (ledger.trials.empty()) return 0;
  return start(ledger, folder, Config::load(ledger.trials.front().run_dir / "config.yaml"));
}

int collect(const fs::path& folder) {
  const SweepLedger ledger = SweepLedger::read(folder);
  const SweepTable results = results_table(ledger);
  write_file_atomically(folder / "results.csv", results.to_csv());
  write_file_atomically(folder / "results.md", results.to_markdown());
  fmt::print("{}", results.to_markdown());
  const SweepTable evaluations = evaluation_table(ledger);
  if (evaluations.rows.empty()) return 0;
  write_file_atomically(folder / "evaluation.csv", evaluations.to_csv());
  write_file_atomically(folder / "evaluation.md", evaluations.to_markdown());
  write_file_atomically(folder / "evaluation.tex", to_latex(evaluations));
  fmt::print("\n{}", evaluations.to_markdown());
  return 0;
}

}  // namespace

int run_sweep(const ConfigArguments& given, const CheckConfig& check, bool dry_run) {
  refuse_several_ranks();
  PreparedSweep sweep = prepare(given, check);
  if (dry_run) {
    fmt::print("{}", trials_table(sweep.ledger).to_markdown());
    return 0;
  }
  if (fs::exists(sweep.folder / SweepLedger::file_name)) {
    throw ConfigError(
        fmt::format("{0} holds a sweep already: `gyrus sweep resume {0}` continues it; for a new one choose "
                    "another sweep.name or sweep.dir",
                    sweep.folder.string()));
  }
  for (std::size_t i = 0; i < sweep.configs.size(); ++i) {
    freeze(sweep.configs[i], sweep.ledger.trials[i].run_dir);
  }
  sweep.ledger.write(sweep.folder);
  log::info("{} trials in {}", sweep.ledger.trials.size(), sweep.folder.string());
  return start(sweep.ledger, sweep.folder, sweep.configs.front());
}

int sweep_verb(const std::vector<std::string>& arguments, const CheckConfig& check) {
  CLI::App app("One run per combination of values: gyrus sweep key=a,b other=range(1,4); Hydra's grammar",
               "gyrus sweep");
  ConfigArguments given;
  given.add_to(app);
  bool dry_run = false;
  app.add_flag("--dry-run", dry_run, "print the trials; write and start nothing");

  std::string folder;
  const auto add_command = [&](const char* name, const char* help) {
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("folder", folder, "folder of the sweep")->required();
    return command;
  };
  const CLI::App* status_command = add_command("status", "how far each trial is");
  const CLI::App* resume_command = add_command("resume", "start the trials that have not finished");
  const CLI::App* collect_command = add_command(
      "collect",
      "the trials' last validations as results.csv and .md, and the means of their evaluations over "
      "folds and seeds as evaluation.csv, .md and .tex");
  if (!parse_arguments(app, arguments)) return 0;

  if (status_command->parsed()) {
    fmt::print("{}", status_table(SweepLedger::read(folder)).to_markdown());
    return 0;
  }
  if (resume_command->parsed()) return resume(fs::absolute(folder));
  if (collect_command->parsed()) return collect(folder);
  return run_sweep(given, check, dry_run);
}

}  // namespace gyrus
