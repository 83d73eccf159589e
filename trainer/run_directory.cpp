#include "trainer/run_directory.hpp"

#include <fmt/format.h>
#include <torch/version.h>

#include <nlohmann/json.hpp>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "launch/version.hpp"

namespace gyrus {
namespace {

/// The lock lies in the folder, which has to be there first.
std::filesystem::path lock_file_in(const std::filesystem::path& folder) {
  gyrus::create_directories(folder);
  return folder / "run.lock";
}

}  // namespace

RunDirectory::RunDirectory(std::filesystem::path folder)
    : folder_(std::move(folder)), lock_(lock_file_in(folder_)) {
  if (!lock_.is_ours())
    throw ConfigError(
        fmt::format("run.dir {} is in use by {}; wait for that job, or choose another run.name or run.dir",
                    folder_.string(), lock_.owner()));
  for (const char* part : {"checkpoints", "pictures", "log", "tensorboard"})
    gyrus::create_directories(folder_ / part);
  const auto state_file = folder_ / "state.json";
  if (!std::filesystem::exists(state_file)) return;
  const auto state = nlohmann::json::parse(read_file(state_file), nullptr, /*allow_exceptions=*/false);
  if (state.is_discarded())
    throw DataError(
        fmt::format("{} is malformed; move it away to start anew or restore it", state_file.string()));
  attempt_ = state.value("attempt", std::int64_t{0}) + 1;
}

void RunDirectory::write_state(const std::string& status, int world_size, std::int64_t step,
                               std::int64_t samples, const std::string& options_digest) const {
  const nlohmann::json state = {{"status", status},
                                {"attempt", attempt_},
                                {"world_size", world_size},
                                {"step", step},
                                {"samples", samples},
                                {"options_digest", options_digest},
                                {"versions", {{"gyrus", version}, {"torch", TORCH_VERSION}}},
                                {"process", describe_this_process()}};
  write_file_atomically(folder_ / "state.json", state.dump(1) + "\n");
}

void RunDirectory::write_failure(const std::string& problem) const noexcept {
  try {
    const auto file = folder_ / "state.json";
    auto state = std::filesystem::exists(file) ? nlohmann::json::parse(read_file(file)) : nlohmann::json();
    state["status"] = "failed";
    state["attempt"] = attempt_;
    state["problem"] = problem;
    write_file_atomically(file, state.dump(1) + "\n");
  } catch (const std::exception& error) {
    log::warning("state.json of {} does not say that this attempt failed: {}", folder_.string(),
                 error.what());
  }
}

}  // namespace gyrus
