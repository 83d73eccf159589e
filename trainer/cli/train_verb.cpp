#include "trainer/cli/train_verb.hpp"

#include <fmt/format.h>

#include <memory>

#include "launch/agree.hpp"
#include "launch/command_line.hpp"
#include "launch/config/multirun.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "launch/peer_watch.hpp"
#include "slurm/sweep.hpp"
#include "trainer/cli/program_options.hpp"
#include "trainer/report/terminal.hpp"
#include "trainer/run_directory.hpp"
#include "trainer/trainer.hpp"

namespace gyrus {
namespace {

struct TrainArguments {
  ConfigArguments config;
  std::string frozen;
  bool dry_run = false, multirun = false;

  /// Whether one run per combination of values is meant: -m, or hydra.mode=MULTIRUN of the configuration.
  bool is_sweep() const { return frozen.empty() && (multirun || asks_for_multirun(config.request())); }

  Config compose() const {
    if (frozen.empty()) return config.compose();
    if (!config.overrides.empty())
      throw ConfigError("--frozen takes a configuration as it is; leave the overrides away");
    if (!std::filesystem::exists(frozen)) throw ConfigError(fmt::format("--frozen {}: no such file", frozen));
    return Config::load(frozen);
  }
};

void show_plan(const Options& options, int world_size) {
  const Plan plan(options.trainer.max_samples, options.trainer.global_batch, world_size);
  const auto network = make_network(options.model);
  fmt::print("{}\n", format_table({{"run.dir", options.run.dir},
                                   {"parameters", format_count(num_parameters(*network))},
                                   {"samples", format_count(plan.samples_after(plan.num_steps()))},
                                   {"steps", format_count(plan.num_steps())},
                                   {"global batch", std::to_string(plan.global_batch())},
                                   {"ranks", std::to_string(world_size)},
                                   {"validations", std::to_string(options.validation.every_samples > 0
                                                                      ? options.trainer.max_samples /
                                                                            options.validation.every_samples
                                                                      : 1)}}));
}

}  // namespace

int train_verb(const std::vector<std::string>& words) {
  TrainArguments arguments;
  CLI::App app("Trains the configured model; resumes by itself when started again.", "gyrus train");
  arguments.config.add_to(app);
  app.add_option("--frozen", arguments.frozen, "a resolved config.yaml instead of a composition")
      ->type_name("FILE");
  app.add_flag("--dry-run", arguments.dry_run, "check the configuration, print the plan, train nothing");
  app.add_flag("-m,--multirun", arguments.multirun, "one run per combination of values, as `gyrus sweep`");
  if (!parse_arguments(app, words)) return 0;
  if (arguments.is_sweep()) {
    const auto check = [](const Config& config) { bind_program_options(config); };
    return run_sweep(arguments.config, check, arguments.dry_run);
  }

  const mpi::Environment environment;
  const auto world = mpi::Communicator::world();
  log::configure(world.rank(), arguments.config.quiet);
  const Config config = arguments.compose();
  const Options options = bind_program_options(config).trainer;
  if (arguments.dry_run) {
    if (world.rank() == 0) show_plan(options, world.size());
    return 0;
  }

  PeerWatch watch(world);
  const Topology topology = find_topology(world);
  std::unique_ptr<RunDirectory> run;
  on_rank_zero(world, [&] { run = std::make_unique<RunDirectory>(options.run.dir); });
  on_every_rank(world, [&] { log::open_file(std::filesystem::path(options.run.dir) / "log"); });
  ExitCode code = ExitCode::finished;
  {
    // A start that is refused (other options, other data) leaves the run as it was.
    Trainer trainer(options, world, topology, run.get());
    on_rank_zero(world, [&] {
      write_file_atomically(run->path() / "config.yaml", config.to_yaml());
      config.write_hydra_files(run->path());
    });
    try {
      code = trainer.run();
    } catch (const std::exception& problem) {
      if (run) run->write_failure(problem.what());
      throw;
    }
  }
  watch.close();
  world.barrier();
  return static_cast<int>(code);
}

}  // namespace gyrus
