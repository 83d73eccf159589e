#include "trainer/cli/checkpoint_verb.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "launch/command_line.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "trainer/checkpoint/compare.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/checkpoint/store.hpp"
#include "trainer/cli/checkpoint_import.hpp"
#include "trainer/report/terminal.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

/// A run folder, its checkpoints folder, or one checkpoint; every byte is read, since what is called good
/// must be.
std::vector<CheckpointInfo> find_checkpoints(const fs::path& path) {
  if (!fs::is_directory(path)) throw DataError(fmt::format("{} is not a folder", path.string()));
  if (fs::exists(path / checkpoint_format::manifest_file)) return {inspect_checkpoint(path, /*deep=*/true)};
  const fs::path folder = fs::is_directory(path / "checkpoints") ? path / "checkpoints" : path;
  return CheckpointStore(folder).list(/*deep=*/true);
}

nlohmann::json to_json(const CheckpointInfo& info) {
  nlohmann::json entry = {{"path", info.folder.string()},
                          {"step", info.step},
                          {"samples", info.samples},
                          {"valid", info.valid},
                          {"weights_digest", to_hex(info.weights_digest)},
                          {"metrics", info.metrics}};
  if (!info.valid) entry["problem"] = info.problem;
  return entry;
}

void print_list(const std::vector<CheckpointInfo>& all) {
  fmt::print("{:>10}  {:>12}  {:<7}  {:<16}  {:>6}  {}\n", "step", "samples", "state", "weights", "dice",
             "folder");
  for (const auto& info : all) {
    const auto dice = info.metrics.find("dice");
    fmt::print("{:>10}  {:>12}  {:<7}  {:<16}  {:>6}  {}\n", info.step, format_count(info.samples),
               info.valid ? "good" : "damaged", to_hex(info.weights_digest),
               dice == info.metrics.end() ? "-" : fmt::format("{:.4f}", dice->second), info.folder.string());
    if (!info.valid) fmt::print("            {}\n", info.problem);
  }
}

int list_checkpoints(const std::string& path, bool as_json, bool is_verifying) {
  const auto all = find_checkpoints(path);
  if (as_json) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& info : all) list.push_back(to_json(info));
    fmt::print("{}\n", list.dump(1));
  } else {
    print_list(all);
  }
  if (!is_verifying) return 0;
  if (all.empty()) throw DataError(fmt::format("{} holds no checkpoint", path));
  for (const auto& info : all)
    if (!info.valid) return static_cast<int>(ExitCode::data);
  return 0;
}

/// The weights of a checkpoint, of a run, or of a safetensors file.
NamedTensors weights_at(const fs::path& path) {
  return fs::is_regular_file(path) ? read_safetensors(path) : read_checkpoint(best_or_newest(path)).weights;
}

int diff_checkpoints(const std::string& first, const std::string& second, bool as_json) {
  const auto differences = compare_tensors(weights_at(first), weights_at(second));
  nlohmann::json list = nlohmann::json::array();
  const auto number = [](double value) {
    return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
  };
  for (const auto& each : differences) {
    if (as_json)
      list.push_back({{"name", each.name},
                      {"what", each.what},
                      {"absolute", number(each.absolute)},
                      {"relative", number(each.relative)}});
    else if (each.what == "values")
      fmt::print("{}  values, at most {:.3g} ({:.3g} relative)\n", each.name, each.absolute, each.relative);
    else
      fmt::print("{}  {}\n", each.name, each.what);
  }
  if (as_json) fmt::print("{}\n", list.dump(1));
  if (!as_json && differences.empty()) fmt::print("equal\n");
  return differences.empty() ? 0 : 1;
}

int export_checkpoint(const std::string& path, const std::string& file, bool wants_average) {
  const fs::path folder = best_or_newest(path);
  const TrainState state = read_checkpoint(folder);
  if (wants_average && state.average.empty())
    throw DataError(fmt::format(
        "{} has no running average of the weights (trainer.ema_decay is 0 there); leave --average "
        "away",
        folder.string()));
  const NamedTensors& tensors = wants_average ? state.average : state.weights;
  write_safetensors(file, tensors);
  log::info("{}: {} tensors of {}", file, tensors.size(), folder.string());
  return 0;
}

}  // namespace

int checkpoint_verb(const std::vector<std::string>& arguments) {
  std::string path, other;
  bool as_json = false, wants_average = false;
  ImportArguments import;
  CLI::App app("Lists, checks, compares and exchanges checkpoints.", "gyrus checkpoint");
  app.require_subcommand(1);
  auto* ls = app.add_subcommand("ls", "list the checkpoints of a run, every byte compared with its digest");
  auto* verify = app.add_subcommand("verify", "the same, with exit code 3 when one is damaged");
  auto* diff = app.add_subcommand(
      "diff", "tensors that differ between two checkpoints; exit code 1 when there are any");
  auto* exports = app.add_subcommand("export", "write the weights as safetensors, with the published names");
  for (auto* verb : {ls, verify}) verb->add_option("path", path, "run folder or checkpoint")->required();
  diff->add_option("first", path, "run folder, checkpoint or safetensors file")->required();
  diff->add_option("second", other, "the same")->required();
  for (auto* verb : {ls, verify, diff}) verb->add_flag("--json", as_json, "for scripts");
  exports->add_option("checkpoint", path, "checkpoint, or run folder (its best)")->required();
  exports->add_option("file", other, "safetensors file to write")->required();
  exports->add_flag("--average", wants_average, "the running average of the weights in their place");
  auto* imports =
      app.add_subcommand("import", "make a run folder of a published PyTorch Lightning checkpoint");
  import.add_to(*imports);
  if (!parse_arguments(app, arguments)) return 0;
  if (diff->parsed()) return diff_checkpoints(path, other, as_json);
  if (exports->parsed()) return export_checkpoint(path, other, wants_average);
  if (imports->parsed()) return import_checkpoint(import);
  return list_checkpoints(path, as_json, verify->parsed());
}

}  // namespace gyrus
