#include "trainer/checkpoint/resume.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "launch/error.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

/// The newest checkpoint that can be read; the ones before it in `all` are named with what they cost.
std::filesystem::path newest_valid(const std::vector<CheckpointInfo>& all) {
  std::int64_t newest_samples = 0;
  for (const auto& info : all) newest_samples = std::max(newest_samples, info.samples);
  for (auto info = all.rbegin(); info != all.rend(); ++info) {
    try {
      const TrainState state = read_checkpoint(info->folder);
      const std::int64_t lost = newest_samples - state.samples;
      if (info != all.rbegin())
        log::warning("resuming from {} instead; {} lost and will be trained again", info->folder.string(),
                     lost > 0 ? fmt::format("{} samples after it are", lost) : "what came after it is");
      return info->folder;
    } catch (const DataError& problem) {
      log::warning("the checkpoint {} cannot be used: {}", info->folder.string(), problem.what());
    }
  }
  return {};
}

}  // namespace

std::filesystem::path choose_checkpoint(const CheckpointStore& store, const std::string& wanted) {
  const auto all = store.list(/*deep=*/false);
  if (all.empty() && store.had_checkpoints())
    throw FatalStateError(
        "this run had checkpoints and all of them are gone; it does not start again at step 0 by itself: "
        "restore one, or choose another run.name");
  if (all.empty() && (wanted == "auto" || wanted == "never")) return {};
  if (all.empty()) {
    read_checkpoint(wanted);  // every byte is compared with its digest
    return wanted;
  }
  const std::string folder = all.front().folder.parent_path().string();
  if (wanted == "never")
    throw ConfigError(
        fmt::format("checkpoint.resume=never, but {} already holds {} checkpoint(s); choose another run.name "
                    "or move them away",
                    folder, all.size()));
  const auto chosen = newest_valid(all);
  if (chosen.empty())
    throw FatalStateError(
        fmt::format("none of the {} checkpoint(s) in {} is valid; the run does not start again at step 0 by "
                    "itself: restore one, or choose another run.name",
                    all.size(), folder));
  return chosen;
}

std::string list_changes(const std::map<std::string, std::string>& then,
                         const std::map<std::string, std::string>& now) {
  std::string changes;
  for (const auto& [name, value] : now) {
    const auto before = then.find(name);
    if (before == then.end())
      changes += fmt::format("\n  {}: not set before, {} now", name, value);
    else if (before->second != value)
      changes += fmt::format("\n  {}: {} before, {} now", name, before->second, value);
  }
  return changes;
}

void check_same_run(const TrainState& state, const std::string& where,
                    const std::map<std::string, std::string>& fixed_options, const Dataset& dataset) {
  if (!state.imported_from.empty()) return;
  const std::string changes = list_changes(state.fixed_options, fixed_options);
  if (!changes.empty())
    throw ConfigError(
        fmt::format("the configuration changed since {} in options that a resumed run must keep:{}\nChange "
                    "them back, or choose another run.name",
                    where, changes));
  if (state.dataset_digest != dataset.digest())
    throw ConfigError(
        fmt::format("{} was trained on other data than data.root {} holds now; prepare the same data, or "
                    "choose another run.name",
                    where, dataset.root().string()));
}

}  // namespace gyrus
