#include "trainer/cli/checkpoint_verb.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "launch/command_line.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/checkpoint/store.hpp"
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

}  // namespace

int checkpoint_verb(const std::vector<std::string>& arguments) {
  std::string path;
  bool json = false;
  CLI::App app("Lists and checks checkpoints.", "gyrus checkpoint");
  app.require_subcommand(1);
  auto* ls = app.add_subcommand("ls", "list the checkpoints of a run, every byte compared with its digest");
  auto* verify = app.add_subcommand("verify", "the same, with exit code 3 when one is damaged");
  for (auto* verb : {ls, verify}) {
    verb->add_option("path", path, "run folder or checkpoint")->required();
    verb->add_flag("--json", json, "for scripts");
  }
  if (!parse_arguments(app, arguments)) return 0;
  const auto all = find_checkpoints(path);
  if (json) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& info : all) list.push_back(to_json(info));
    fmt::print("{}\n", list.dump(1));
  } else {
    print_list(all);
  }
  if (!verify->parsed()) return 0;
  if (all.empty()) throw DataError(fmt::format("{} holds no checkpoint", path));
  for (const auto& info : all)
    if (!info.valid) return static_cast<int>(ExitCode::data);
  return 0;
}

}  // namespace gyrus
