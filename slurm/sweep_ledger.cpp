#include "slurm/sweep_ledger.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {
constexpr int format_version = 1;
}

SweepLedger SweepLedger::read(const fs::path& folder) {
  const fs::path file = folder / file_name;
  if (!fs::exists(file))
    throw DataError(fmt::format("{} is no folder of a sweep: it has no {}", folder.string(), file_name));
  try {
    const ordered_json json = ordered_json::parse(read_file(file));
    if (json.at("format") != format_version) {
      throw DataError(fmt::format("{} has format {}; this gyrus reads format {}", file.string(),
                                  json.at("format").dump(), format_version));
    }
    SweepLedger ledger;
    ledger.name = json.at("name");
    ledger.launcher = json.at("launcher");
    ledger.job = json.at("job");
    ledger.varying_keys = json.at("varying_keys").get<std::vector<std::string>>();
    for (const auto& entry : json.at("trials")) {
      SweepTrial trial;
      trial.number = entry.at("number");
      trial.overrides = entry.at("overrides").get<std::vector<std::string>>();
      trial.run_dir = entry.at("run_dir").get<std::string>();
      trial.status = entry.at("status");
      trial.exit_code = entry.at("exit_code");
      ledger.trials.push_back(std::move(trial));
    }
    return ledger;
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("{} is damaged: {}", file.string(), error.what()));
  }
}

void SweepLedger::write(const fs::path& folder) const {
  ordered_json json = {{"format", format_version},     {"name", name},
                       {"launcher", launcher},         {"job", job},
                       {"varying_keys", varying_keys}, {"trials", ordered_json::array()}};
  for (const SweepTrial& trial : trials) {
    json["trials"].push_back({{"number", trial.number},
                              {"overrides", trial.overrides},
                              {"run_dir", trial.run_dir.string()},
                              {"status", trial.status},
                              {"exit_code", trial.exit_code}});
  }
  write_file_atomically(folder / file_name, json.dump(2) + "\n");
}

std::string SweepLedger::status_of(const SweepTrial& trial) {
  const fs::path file = trial.run_dir / "state.json";
  if (!fs::exists(file)) return trial.status;
  const ordered_json state = ordered_json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  if (!state.is_object() || !state.contains("status") || !state["status"].is_string()) return trial.status;
  // A trial that was killed cannot say so itself.
  const bool has_ended = trial.status == "stopped" || trial.status == "failed";
  if (state["status"] == "running" && has_ended) return trial.status;
  return state["status"];
}

}  // namespace gyrus
