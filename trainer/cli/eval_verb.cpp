#include "trainer/cli/eval_verb.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "launch/agree.hpp"
#include "launch/command_line.hpp"
#include "launch/csv.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "launch/peer_watch.hpp"
#include "trainer/checkpoint/store.hpp"
#include "trainer/cli/program_options.hpp"
#include "trainer/device.hpp"
#include "trainer/diffusion/reconstruct.hpp"
#include "trainer/evaluation/baselines.hpp"
#include "trainer/evaluation/patient_scores.hpp"
#include "trainer/report/pictures.hpp"
#include "trainer/state_tensors.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path run_folder_of(const fs::path& checkpoint) {
  const fs::path parent = fs::weakly_canonical(checkpoint).parent_path();
  return parent.filename() == "checkpoints" ? parent.parent_path() : parent;
}

/// Where the tables go: evaluations with other options do not replace each other.
fs::path results_folder(const fs::path& checkpoint, const std::vector<std::string>& overrides) {
  std::string name = checkpoint.filename().string();
  if (!overrides.empty())
    name += "-" + to_hex(digest64(fmt::format("{}", fmt::join(overrides, " ")))).substr(0, 8);
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

json row_of(const PatientScores& scores) {
  json row = {{"set", scores.set}, {"patient", scores.id}, {"subject", scores.subject}};
  for (const auto& [name, value] : numbers_of(scores)) row[name] = std::isnan(value) ? json() : json(value);
  return row;
}

/// Rows of all ranks in the order of the patients' names; equal on all ranks.
std::vector<json> gather_rows(const mpi::Communicator& world, const std::vector<json>& own) {
  std::vector<json> rows;
  for (const auto& text : world.all_gather_text(json(own).dump()))
    for (const auto& row : json::parse(text)) rows.push_back(row);
  std::ranges::sort(rows, {}, [](const json& row) { return row.at("patient").get<std::string>(); });
  return rows;
}

json summarise_set(const std::string& method, const std::string& threshold_set, double threshold,
                   const SetScores& pooled, const std::vector<json>& rows) {
  json summary = {{"method", method},
                  {"set", pooled.set},
                  {"threshold_set", threshold_set},
                  {"threshold", threshold},
                  {"patients", rows.size()},
                  {"pooled_dice", pooled.histogram.dice_above(threshold)},
                  {"pooled_auprc", pooled.auprc}};
  for (const auto& [name, unused] : numbers_of({})) {
    std::vector<double> values;
    for (const auto& row : rows)
      values.push_back(row.at(name).is_null() ? std::nan("") : row.at(name).get<double>());
    const auto result = summarise(values);
    if (result.count > 0)
      summary[name] = {{"mean", result.mean}, {"std", result.deviation}, {"count", result.count}};
  }
  return summary;
}

std::string csv_of(const std::vector<json>& rows) {
  std::string text = "method,set,patient,subject";
  for (const auto& [name, unused] : numbers_of({})) text += "," + name;
  text += "\n";
  for (const auto& row : rows) {
    const auto cell = [&](const char* name) { return csv_cell(row.at(name).get<std::string>()); };
    text += fmt::format("{},{},{},{}", cell("method"), cell("set"), cell("patient"), cell("subject"));
    for (const auto& [name, unused] : numbers_of({}))
      text += "," + (row.at(name).is_null() ? std::string() : row.at(name).dump());
    text += "\n";
  }
  return text;
}

std::string cell(const json& summary, const char* name) {
  const auto found = summary.find(name);
  return found == summary.end() ? "-"
                                : fmt::format("{:.4f} +- {:.4f}", found->at("mean").get<double>(),
                                              found->at("std").get<double>());
}

void print_summaries(const std::vector<json>& summaries) {
  fmt::print("{:<22}  {:<15}  {:>8}  {:>9}  {:>18}  {:>18}  {:>11}\n", "method", "set", "patients",
             "threshold", "dice", "auprc", "pooled dice");
  for (const auto& s : summaries)
    fmt::print("{:<22}  {:<15}  {:>8}  {:>9.4f}  {:>18}  {:>18}  {:>11.4f}\n",
               s.at("method").get<std::string>(), s.at("set").get<std::string>(), s.at("patients").get<int>(),
               s.at("threshold").get<double>(), cell(s, "dice"), cell(s, "auprc"),
               s.at("pooled_dice").get<double>());
}

/// Scores the pairs of sets with one way of making anomaly maps.
struct Evaluation {
  const ProgramOptions& options;
  const mpi::Communicator& world;
  fs::path folder;
  std::vector<json> rows, summaries;

  void run(const std::string& method, const Evaluator& evaluator, const Evaluator::MapMaker& make_map) {
    const auto& evaluation = options.trainer.evaluation;
    std::map<std::string, double> thresholds;  // of the sets that they were found on
    for (std::size_t i = 0; i < evaluation.test_sets.size(); ++i) {
      const std::string& threshold_set = evaluation.threshold_sets[i];
      if (!thresholds.contains(threshold_set)) {
        const SetScores scores = evaluator.score_set(make_map, threshold_set, world);
        if (scores.histogram.lesion_voxels() == 0)
          throw AgreedError(
              ExitCode::data,
              fmt::format("no threshold can be found on the set {}: it has no lesions; name a labelled "
                          "set in evaluation.threshold_sets",
                          threshold_set));
        thresholds[threshold_set] = scores.best.threshold;
      }
      const double threshold = thresholds[threshold_set];
      std::vector<json> own;
      const SetScores pooled =
          evaluator.score_set(make_map, evaluation.test_sets[i], world, [&](const ScoredVolume& volume) {
            own.push_back(row_of(score_patient(volume, threshold, evaluation.min_component)));
            own.back()["method"] = method;
            if (method == "model")
              write_picture(folder / fmt::format("{}-{}.png", volume.volume.set, volume.volume.id), volume,
                            threshold);
          });
      const auto all = gather_rows(world, own);
      rows.insert(rows.end(), all.begin(), all.end());
      summaries.push_back(summarise_set(method, threshold_set, threshold, pooled, all));
    }
  }
};

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

void write_results(const Evaluation& evaluation, const Config& config) {
  write_file_atomically(evaluation.folder / "config.yaml", config.to_yaml());
  write_file_atomically(evaluation.folder / "patients.csv", csv_of(evaluation.rows));
  write_file_atomically(evaluation.folder / "patients.json", json(evaluation.rows).dump(1) + "\n");
  write_file_atomically(evaluation.folder / "summary.json", json(evaluation.summaries).dump(1) + "\n");
}

}  // namespace

int eval_verb(const std::vector<std::string>& words) {
  ConfigArguments arguments;
  bool as_json = false, with_baselines = false;
  CLI::App app("Evaluates a checkpoint: checkpoint=PATH names a checkpoint or a run (its best).",
               "gyrus eval");
  arguments.add_to(app);
  app.add_flag("--json", as_json, "print the summary as JSON");
  app.add_flag("--baselines", with_baselines,
               "also score trivial maps: intensity, inverted intensity, difference to the mean of training");
  if (!parse_arguments(app, words)) return 0;

  const mpi::Environment environment;
  const auto world = mpi::Communicator::world();
  log::configure(world.rank(), arguments.quiet);
  const fs::path checkpoint = agree_on_checkpoint(world, take_checkpoint(arguments.overrides));
  const Config config = configuration_of(run_folder_of(checkpoint), arguments);
  const ProgramOptions options = bind_program_options(config);

  if (options.trainer.model.kind != "diffusion")
    throw ConfigError(
        fmt::format("{} is a pre-training (model.kind={}): it makes no anomaly maps; train a "
                    "diffusion model with model.encoder.init={} and evaluate that",
                    checkpoint.string(), options.trainer.model.kind, checkpoint.string()));

  PeerWatch watch(world);
  const Topology topology = find_topology(world);
  set_compute_threads(topology);
  const torch::Device device = agree_on_device(world, options.trainer.trainer.device, topology);
  std::optional<Dataset> dataset;
  DiffusionModel model(options.trainer.model);
  move_model(model, device);
  on_every_rank(world, [&] {
    dataset.emplace(Dataset::open(options.trainer.data));
    load_weights(model, checkpoint);
  });
  const Reconstructor reconstructor(options.trainer.objective, options.trainer.corruption, dataset->height(),
                                    dataset->width());
  const Evaluator evaluator(*dataset, reconstructor, options.trainer.noise, options.trainer.evaluation,
                            options.trainer.seed, device);
  Evaluation evaluation{options, world, results_folder(checkpoint, arguments.overrides), {}, {}};
  on_rank_zero(world, [&] { gyrus::create_directories(evaluation.folder); });
  evaluation.run("model", evaluator, evaluator.residuals_of(model));
  if (with_baselines)
    for (const auto& baseline : make_baselines(*dataset))
      evaluation.run(baseline.name, evaluator, baseline.make_map);

  on_rank_zero(world, [&] { write_results(evaluation, config); });
  if (world.rank() == 0) {
    if (as_json)
      fmt::print("{}\n", json(evaluation.summaries).dump(1));
    else
      print_summaries(evaluation.summaries);
    log::info("per-patient tables and pictures: {}", evaluation.folder.string());
  }
  watch.close();
  world.barrier();
  return 0;
}

}  // namespace gyrus
