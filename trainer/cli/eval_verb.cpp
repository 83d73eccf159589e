#include "trainer/cli/eval_verb.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "launch/agree.hpp"
#include "launch/command_line.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "launch/peer_watch.hpp"
#include "trainer/checkpoint/store.hpp"
#include "trainer/cli/program_options.hpp"
#include "trainer/device.hpp"
#include "trainer/diffusion/reconstruct.hpp"
#include "trainer/evaluation/baselines.hpp"
#include "trainer/evaluation/comparison.hpp"
#include "trainer/evaluation/protocol.hpp"
#include "trainer/evaluation/set_checks.hpp"
#include "trainer/report/pictures.hpp"
#include "trainer/state_tensors.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

fs::path run_folder_of(const fs::path& checkpoint) {
  const fs::path parent = fs::weakly_canonical(checkpoint).parent_path();
  return parent.filename() == "checkpoints" ? parent.parent_path() : parent;
}

/// What changes the numbers of an evaluation of one checkpoint: overrides, and folders of configurations.
std::vector<std::string> settings_of(const ConfigArguments& arguments) {
  std::vector<std::string> settings;
  for (const auto& folder : arguments.config_folders)
    settings.push_back("--config-dir=" + fs::weakly_canonical(folder).string());
  settings.insert(settings.end(), arguments.overrides.begin(), arguments.overrides.end());
  return settings;
}

/// Where the tables go: evaluations with other settings or other methods do not replace each other.
fs::path results_folder(const fs::path& checkpoint, const std::vector<std::string>& settings,
                        bool with_baselines) {
  std::string name = checkpoint.filename().string();
  if (!settings.empty())
    name += "-" + to_hex(digest64(fmt::format("{}", fmt::join(settings, " ")))).substr(0, 8);
  if (with_baselines) name += "-baselines";
  return run_folder_of(checkpoint) / "evaluation" / name;
}

/// The configuration that the run was started with, and what the user changes now. A group (noise=gaussian)
/// takes the place of the run's own.
Config configuration_of(const fs::path& run_folder, ConfigArguments arguments) {
  if (!fs::exists(run_folder / "config.yaml")) return arguments.compose();
  ComposeRequest request;
  request.config_folder = run_folder;
  request.extra_folders = {find_config_folder()};
  request.extra_folders.insert(request.extra_folders.end(), arguments.config_folders.begin(),
                               arguments.config_folders.end());
  for (const auto& text : arguments.overrides) {
    const bool is_group = fs::is_directory(find_config_folder() / text.substr(0, text.find('=')));
    request.overrides.push_back(is_group ? "+" + text : text);
  }
  request.allow_new_keys = true;
  return Config::compose(request);
}

/// Takes checkpoint=PATH out of the overrides: `checkpoint` is a group of options too, but here the word
/// names what to evaluate.
fs::path take_checkpoint(std::vector<std::string>& overrides) {
  const std::string key = "checkpoint=";
  const auto given = std::ranges::find_if(overrides, [&](const auto& text) { return text.starts_with(key); });
  if (given == overrides.end())
    throw ConfigError("gyrus eval needs checkpoint=PATH: a checkpoint folder or a run folder");
  const fs::path path = given->substr(key.size());
  overrides.erase(given);
  return path;
}

/// The checkpoint that all ranks evaluate. Collective.
fs::path agree_on_checkpoint(const mpi::Communicator& world, const fs::path& wanted) {
  std::string chosen;
  on_rank_zero(world, [&] {
    chosen = best_or_newest(wanted).string();
    const auto info = inspect_checkpoint(chosen, /*deep=*/false);
    if (!info.valid) throw DataError(info.problem);
  });
  return world.broadcast_text(chosen, 0);
}

/// The averaged weights where the run kept an average, as in its validations.
void load_weights(DiffusionModel& model, const fs::path& checkpoint) {
  const TrainState state = read_checkpoint(checkpoint);
  load_tensors(model, state.average.empty() ? state.weights : state.average, checkpoint.string());
  model.eval();
}

void write_results(const fs::path& folder, const EvaluationResults& results, const Config& config,
                   const std::vector<std::string>& settings) {
  write_file_atomically(folder / "config.yaml", config.to_yaml());
  write_file_atomically(folder / "patients.csv", to_csv(results.rows));
  write_file_atomically(folder / "patients.json", to_json(results.rows));
  write_file_atomically(folder / "slices.csv", to_csv(results.slices));
  write_file_atomically(folder / "summary.json", to_json(results.summaries, settings));
}

/// Ranks take the examples in turn. Collective.
void write_pictures(const std::vector<Example>& examples, const Method& method, const Dataset& dataset,
                    const Evaluator& evaluator, const fs::path& folder, const mpi::Communicator& world) {
  on_every_rank(world, [&] {
    for (std::size_t i = static_cast<std::size_t>(world.rank()); i < examples.size(); i += world.size()) {
      const Example& example = examples[i];
      const auto& volumes = dataset.volumes(example.set);
      const auto index = std::ranges::find(volumes, example.patient, &VolumeInfo::id) - volumes.begin();
      write_picture(folder / fmt::format("{}-{}-{}.png", example.set, example.which, example.patient),
                    evaluator.score(method.make_map, example.set, index), example.threshold);
    }
  });
}

struct EvalArguments {
  ConfigArguments config;
  bool as_json = false, with_baselines = false;
  std::vector<std::string> compared;
};

int compare(const EvalArguments& arguments) {
  if (!arguments.config.overrides.empty())
    throw ConfigError("gyrus eval --compare A B takes two folders and no overrides");
  std::vector<std::vector<PatientRow>> rows;
  for (const std::string& path : arguments.compared) {
    const fs::path file = find_results(path) / "patients.json";
    rows.push_back(rows_of_json(read_file(file), file.string()));
  }
  const auto comparisons = compare_rows(rows[0], rows[1]);
  fmt::print("{}", arguments.as_json ? to_json(comparisons) : to_text(comparisons));
  return 0;
}

/// Evaluates on the ranks of the job.
void evaluate(EvalArguments& arguments, const mpi::Communicator& world) {
  const fs::path checkpoint = agree_on_checkpoint(world, take_checkpoint(arguments.config.overrides));
  const Config config = configuration_of(run_folder_of(checkpoint), arguments.config);
  const Options options = bind_program_options(config).trainer;
  if (options.model.kind != "diffusion")
    throw ConfigError(fmt::format(
        "{0} is a pre-training (model.kind={1}): it makes no anomaly maps; train a diffusion model "
        "with model.encoder.init={0} and evaluate that",
        checkpoint.string(), options.model.kind));
  const Topology topology = find_topology(world);
  set_compute_threads(topology);
  const torch::Device device = agree_on_device(world, options.trainer.device, topology);
  std::optional<Dataset> dataset;
  DiffusionModel model(options.model);
  move_model(model, device);
  on_every_rank(world, [&] {
    dataset.emplace(Dataset::open(options.data));
    check_sets(*dataset, options.evaluation);
    load_weights(model, checkpoint);
  });
  const Reconstructor reconstructor(options.objective, options.corruption, dataset->height(),
                                    dataset->width());
  const auto seed = static_cast<std::uint64_t>(options.seed);
  const Evaluator evaluator(*dataset, reconstructor, options.noise, options.evaluation, seed, device);
  const auto settings = settings_of(arguments.config);
  const fs::path folder = results_folder(checkpoint, settings, arguments.with_baselines);
  on_rank_zero(world, [&] { gyrus::create_directories(folder); });

  const Protocol protocol(*dataset, evaluator, options.evaluation, seed, world);
  const Method own{"model", evaluator.residuals_of(model)};
  EvaluationResults results;
  protocol.run(own, results);
  write_pictures(choose_examples(results, own.name), own, *dataset, evaluator, folder, world);
  if (arguments.with_baselines)
    for (const auto& baseline : make_baselines(*dataset))
      protocol.run({baseline.name, baseline.make_map}, results);

  on_rank_zero(world, [&] { write_results(folder, results, config, settings); });
  if (world.rank() != 0) return;
  fmt::print("{}", arguments.as_json ? to_json(results.summaries, settings) : to_text(results.summaries));
  log::info("per-patient tables and pictures: {}", folder.string());
}

}  // namespace

int eval_verb(const std::vector<std::string>& words) {
  EvalArguments arguments;
  CLI::App app("Evaluates a checkpoint: checkpoint=PATH names a checkpoint or a run (its best).",
               "gyrus eval");
  arguments.config.add_to(app);
  app.add_flag("--json", arguments.as_json, "print the summary as JSON");
  app.add_flag("--baselines", arguments.with_baselines,
               "also score trivial maps: intensity, inverted intensity, difference to the mean of training");
  app.add_option("--compare", arguments.compared,
                 "compare two evaluations (folders of results, or runs with one) patient by patient: "
                 "Wilcoxon's signed-rank test")
      ->type_name("A B")
      ->expected(2);
  if (!parse_arguments(app, words)) return 0;
  if (!arguments.compared.empty()) return compare(arguments);

  const mpi::Environment environment;
  const auto world = mpi::Communicator::world();
  log::configure(world.rank(), arguments.config.quiet);
  PeerWatch watch(world);
  evaluate(arguments, world);
  watch.close();
  world.barrier();
  return 0;
}

}  // namespace gyrus
